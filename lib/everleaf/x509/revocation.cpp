// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/revocation.hpp>

#include <openssl/ocsp.h>
#include <openssl/pem.h>

#include <ctime>

#include <everleaf/x509/contents.hpp>

namespace everleaf {
namespace {

using RequestPtr = std::unique_ptr<OCSP_REQUEST, Free<OCSP_REQUEST_free>>;
using ResponsePtr = std::unique_ptr<OCSP_RESPONSE, Free<OCSP_RESPONSE_free>>;
using BasicPtr = std::unique_ptr<OCSP_BASICRESP, Free<OCSP_BASICRESP_free>>;
using CertIdPtr = std::unique_ptr<OCSP_CERTID, Free<OCSP_CERTID_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, Free<X509_CRL_free>>;
using AccessPtr = std::unique_ptr<AUTHORITY_INFO_ACCESS, Free<AUTHORITY_INFO_ACCESS_free>>;
using PointsPtr = std::unique_ptr<CRL_DIST_POINTS, Free<CRL_DIST_POINTS_free>>;

// Clocks may be this far apart.
constexpr std::chrono::minutes skew{5};

Time to_time(const ASN1_TIME* time) {
  std::tm fields{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &fields) != 1) throw Error(ErrorKind::malformed, "it has no date");
  return Time(std::chrono::seconds(timegm(&fields)));
}

// `next` may be absent: then newer word is always to be had.
void require_current(const ASN1_TIME* begin, const ASN1_TIME* next, Time now) {
  if (to_time(begin) > now + skew)
    throw Error(ErrorKind::wrong_certificate, "it is not valid before " + format_time(to_time(begin)));
  if (next != nullptr && to_time(next) < now - skew)
    throw Error(ErrorKind::wrong_certificate, "it is outdated since " + format_time(to_time(next)));
}

// As responders understand it (RFC 5019, section 2.1.1).
CertIdPtr id_of(const Certificate& certificate, const Certificate& issuer) {
  CertIdPtr id(OCSP_cert_to_id(EVP_sha1(), certificate.native(), issuer.native()));
  require(id != nullptr, "cannot name a certificate");
  return id;
}

void require_signature(OCSP_BASICRESP* answer, const Certificate& issuer, Time now) {
  const StorePtr store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), issuer.native());
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store.get()), now.time_since_epoch().count());
  const std::unique_ptr<STACK_OF(X509), void (*)(STACK_OF(X509)*)> known(
      sk_X509_new_null(), [](STACK_OF(X509) * stack) { sk_X509_free(stack); });
  sk_X509_push(known.get(), issuer.native());
  if (OCSP_basic_verify(answer, known.get(), store.get(), 0) != 1)
    throw_openssl("it is not signed by the issuer, nor by whom that authorised", ErrorKind::wrong_certificate);
}

CrlPtr parse_crl(std::string_view bytes) {
  const auto bio = read_bio(bytes);
  CrlPtr crl(bytes.starts_with("-----BEGIN ") ? PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr)
                                              : d2i_X509_CRL_bio(bio.get(), nullptr));
  if (crl == nullptr) throw_openssl("it is no CRL", ErrorKind::malformed);
  return crl;
}

}  // namespace

RevocationSources revocation_sources(const Certificate& certificate) {
  const auto take = [&](int nid) { return X509_get_ext_d2i(certificate.native(), nid, nullptr, nullptr); };
  const AccessPtr access(static_cast<AUTHORITY_INFO_ACCESS*>(take(NID_info_access)));
  const PointsPtr points(static_cast<CRL_DIST_POINTS*>(take(NID_crl_distribution_points)));
  return {access_urls(access.get()).ocsp, distribution_urls(points.get())};
}

std::string make_ocsp_request(const Certificate& certificate, const Certificate& issuer) {
  const RequestPtr request(OCSP_REQUEST_new());
  require(request != nullptr && OCSP_request_add0_id(request.get(), id_of(certificate, issuer).release()) != nullptr,
          "cannot make an OCSP request");
  return to_der(i2d_OCSP_REQUEST, request.get());
}

RevocationStatus read_ocsp_answer(std::string_view der, const Certificate& certificate, const Certificate& issuer,
                                  Time now) {
  const unsigned char* bytes = to_unsigned(der);
  const ResponsePtr response(d2i_OCSP_RESPONSE(nullptr, &bytes, int_size(der)));
  if (response == nullptr) throw_openssl("it is no OCSP answer", ErrorKind::malformed);
  if (const int status = OCSP_response_status(response.get()); status != OCSP_RESPONSE_STATUS_SUCCESSFUL)
    throw Error(ErrorKind::answer, std::string("the responder refused: ") + OCSP_response_status_str(status));
  const BasicPtr answer(OCSP_response_get1_basic(response.get()));
  if (answer == nullptr) throw_openssl("it is no OCSP answer", ErrorKind::malformed);
  require_signature(answer.get(), issuer, now);

  const auto id = id_of(certificate, issuer);
  int status = V_OCSP_CERTSTATUS_UNKNOWN;
  ASN1_GENERALIZEDTIME* begin = nullptr;
  ASN1_GENERALIZEDTIME* next = nullptr;
  if (OCSP_resp_find_status(answer.get(), id.get(), &status, nullptr, nullptr, &begin, &next) != 1)
    throw Error(ErrorKind::wrong_certificate, "it is about another certificate");
  require_current(begin, next, now);
  if (status == V_OCSP_CERTSTATUS_GOOD) return RevocationStatus::good;
  return status == V_OCSP_CERTSTATUS_REVOKED ? RevocationStatus::revoked : RevocationStatus::unknown;
}

RevocationStatus read_crl(std::string_view bytes, const Certificate& certificate, const Certificate& issuer, Time now) {
  const auto crl = parse_crl(bytes);
  if (X509_CRL_verify(crl.get(), X509_get0_pubkey(issuer.native())) != 1)
    throw_openssl("it is not signed by the issuer", ErrorKind::wrong_certificate);
  require_current(X509_CRL_get0_lastUpdate(crl.get()), X509_CRL_get0_nextUpdate(crl.get()), now);
  X509_REVOKED* entry = nullptr;
  const int found = X509_CRL_get0_by_cert(crl.get(), &entry, certificate.native());
  return found == 1 ? RevocationStatus::revoked : RevocationStatus::good;  // 2: removed from the list again
}

bool is_issued_by(const Certificate& certificate, const Certificate& issuer) {
  const bool is =
      X509_NAME_cmp(X509_get_issuer_name(certificate.native()), X509_get_subject_name(issuer.native())) == 0 &&
      X509_verify(certificate.native(), X509_get0_pubkey(issuer.native())) == 1;
  ERR_clear_error();
  return is;
}

}  // namespace everleaf
