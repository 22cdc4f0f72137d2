// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/certificate_request.hpp>

#include <doctest/doctest.h>

#include <tests/support/kind_of_error.hpp>
#include <tests/support/output_of.hpp>

using namespace everleaf;

namespace {

// What openssl reads from a request, after it has verified its signature.
std::string shown(const std::string& request) {
  return output_of("openssl req -verify -noout -text -nameopt RFC2253 2>/dev/null <<'END'\n" + request + "END\n");
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

ErrorKind refusal(const std::string& subject, const std::vector<Name>& names) {
  const auto key = PrivateKey::generate(KeyType::ec_p256);
  return kind_of_error([&] { make_certificate_request(key, subject, names); });
}

}  // namespace

TEST_CASE("openssl finds in a request what was put into it") {
  const auto key = PrivateKey::generate(KeyType::ec_p256);
  const auto names =
      classify_all({"myuser", "*.a.local", "me@a.local", "10.0.0.7", "2001:db8::1", "https://a.local/x"});
  const auto request = make_certificate_request(key, "J\xc3\xbcrgen", names);
  const auto text = shown(request);
  CHECK(has(text, "Version: 1 (0x0)"));
  CHECK(has(text, "Subject: CN=J\\C3\\BCrgen"));
  CHECK(has(text, "X509v3 Subject Alternative Name: \n"));
  CHECK(has(text,
            "DNS:myuser, DNS:*.a.local, email:me@a.local, IP Address:10.0.0.7, IP Address:2001:DB8:0:0:0:0:0:1, "
            "URI:https://a.local/x"));
  CHECK(has(text, "Signature Algorithm: ecdsa-with-SHA256"));
  const auto shown_key = output_of("openssl req -pubkey -noout <<'END'\n" + request + "END\n");
  const auto own_key = output_of("openssl pkey -pubout <<'END'\n" + std::string(key.to_pem().reveal()) + "END\n");
  CHECK(shown_key == own_key);
}

TEST_CASE("a request without a subject marks its names as critical") {  // RFC 5280, section 4.1.2.6
  const auto text =
      shown(make_certificate_request(PrivateKey::generate(KeyType::ed25519), "", classify_all({"a.local"})));
  CHECK(has(text, "Subject: \n"));
  CHECK(has(text, "X509v3 Subject Alternative Name: critical\n"));
  CHECK(has(text, "Signature Algorithm: ED25519"));
}

TEST_CASE("a request without names has no extension") {
  const auto text = shown(make_certificate_request(PrivateKey::generate(KeyType::ec_p384), "myuser", {}));
  CHECK(has(text, "Subject: CN=myuser"));
  CHECK(!has(text, "Alternative"));
}

TEST_CASE("what a certificate cannot hold is refused before the CA is asked") {
  CHECK(refusal(std::string(5000, 'x'), {}) == ErrorKind::malformed);
  CHECK(refusal("\xff\xfe", {}) == ErrorKind::malformed);
  CHECK(refusal("a", {{Name::Kind::ip, "10.0.0"}}) == ErrorKind::malformed);
  for (const auto kind : {Name::Kind::dns, Name::Kind::email, Name::Kind::uri})
    CHECK(refusal("a", {{kind, "b\xc3\xbc.local"}}) == ErrorKind::malformed);
}

TEST_CASE("a request is read again as it was made") {
  const auto key = PrivateKey::generate(KeyType::ec_p384);
  const auto names = classify_all({"b.local", "a.local", "10.0.0.7"});
  const auto request = CertificateRequest::from_pem(make_certificate_request(key, "myuser", names), "here");
  CHECK(request.common_name() == "myuser");
  CHECK(request.names() == classify_all({"a.local", "b.local", "10.0.0.7"}));
  CHECK(request.public_key() == key.public_key());
  CHECK(request.has_valid_signature());
  CHECK(CertificateRequest::from_der(request.to_der(), "here").to_pem() == request.to_pem());
}

TEST_CASE("a request that was changed on its way has no valid signature") {
  const auto key = PrivateKey::generate(KeyType::ec_p256);
  auto der = CertificateRequest::from_pem(make_certificate_request(key, "myuser", {}), "here").to_der();
  der[der.find("myuser")] = 'M';
  CHECK(!CertificateRequest::from_der(der, "here").has_valid_signature());
}

TEST_CASE("what is no request is refused") {
  for (const auto* text :
       {"", "text", "-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----\n"}) {
    CHECK(kind_of_error([&] { CertificateRequest::from_pem(text, "here"); }) == ErrorKind::malformed);
    CHECK(kind_of_error([&] { CertificateRequest::from_der(text, "here"); }) == ErrorKind::malformed);
  }
}
