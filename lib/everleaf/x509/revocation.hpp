// SPDX-License-Identifier: Apache-2.0
// Whether a certificate was revoked, by its issuer's word: OCSP (RFC 6960) and CRLs (RFC 5280, section 5). How the word
// is fetched is the caller's business; it is signed, so it may come from anywhere.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <everleaf/x509/certificate.hpp>

namespace everleaf {

// Where a certificate says that its revocation can be learned: URLs of any scheme, somebody else's text.
struct RevocationSources {
  std::vector<std::string> ocsp;
  std::vector<std::string> crls;
};
RevocationSources revocation_sources(const Certificate& certificate);

enum class RevocationStatus { good, revoked, unknown };

// A request in DER, without a nonce. `issuer` must have issued `certificate`, here and below: see is_issued_by().
std::string make_ocsp_request(const Certificate& certificate, const Certificate& issuer);

// What a responder's answer (DER) says. Throws malformed; answer if the responder refused; wrong_certificate if it is
// signed by neither the issuer nor one that it authorised, is about another certificate, or of another time than `now`.
RevocationStatus read_ocsp_answer(std::string_view der, const Certificate& certificate, const Certificate& issuer,
                                  Time now);

// Whether a CRL (DER or PEM) lists the certificate. Throws malformed; wrong_certificate if the issuer did not sign it,
// or it is of another time than `now`.
RevocationStatus read_crl(std::string_view bytes, const Certificate& certificate, const Certificate& issuer, Time now);

// By names and signature; dates and purposes are not looked at.
bool is_issued_by(const Certificate& certificate, const Certificate& issuer);

}  // namespace everleaf
