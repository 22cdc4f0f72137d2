// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/certificate.hpp>

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include <everleaf/x509/private_key.hpp>
#include <tests/support/kind_of_error.hpp>
#include <tests/support/test_data.hpp>

using namespace everleaf;
using namespace std::chrono;
using Kind = Name::Kind;

namespace {

Certificate read(const std::string& file) { return Certificate::from_pem(test_data(file), file); }

}  // namespace

TEST_CASE("a certificate's fields are read") {
  const auto leaf = read("x509/leaf.crt");
  CHECK(leaf.validity() ==
        Validity{sys_days{2026y / January / 2} + 15h + 4min + 5s, sys_days{2026y / January / 3} + 15h + 5min + 5s});
  CHECK(leaf.serial_hex() == "fe6983fccd6af38220456b1e933acf6c");
  CHECK(leaf.serial_decimal() == "338171779124243543667713645337567219564");
  CHECK(leaf.common_name() == "myuser");
  CHECK(leaf.issuer_common_name() == "Test Intermediate");
  CHECK(leaf.extended_key_usages() == std::vector<std::string>{"1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"});
  CHECK(leaf.public_key().description() == "ECDSA P-256");
  CHECK(leaf.fingerprint().hex() == test_data("x509/leaf.sha256"));
  CHECK(leaf.sha1_hex() == test_data("x509/leaf.sha1"));
  CHECK(!leaf.provisioner());
}

TEST_CASE("names are sorted, addresses as people write them") {
  CHECK(read("x509/leaf.crt").names() == std::vector<Name>{{Kind::dns, "myuser"},
                                                           {Kind::dns, "web.example"},
                                                           {Kind::email, "me@a.local"},
                                                           {Kind::ip, "10.0.0.7"},
                                                           {Kind::ip, "2001:db8::1"},
                                                           {Kind::uri, "https://a.local/x"}});
}

TEST_CASE("a certificate without extensions has no names and no limits") {
  const auto odd = read("x509/odd.crt");
  CHECK(odd.names().empty());
  CHECK(odd.extended_key_usages().empty());
  CHECK(odd.common_name() == "J\xc3\xbcrgen");  // the last of two
  CHECK(odd.serial_hex() == "00");
  CHECK(odd.serial_decimal() == "0");
}

TEST_CASE("who may have issued whom") {
  const auto root = read("x509/root.crt");
  const auto intermediate = read("x509/intermediate.crt");
  const auto leaf = read("x509/leaf.crt");
  CHECK(root.is_authority());
  CHECK(root.is_self_issued());
  CHECK(intermediate.is_authority());
  CHECK(!intermediate.is_self_issued());
  CHECK(!leaf.is_authority());
  CHECK(leaf.may_be_issued_by(intermediate));
  CHECK(intermediate.may_be_issued_by(root));
  CHECK(!leaf.may_be_issued_by(root));
  CHECK(!leaf.may_be_issued_by(leaf));
  CHECK(!intermediate.may_be_issued_by(read("x509/same_name_root.crt")));  // its key identifier is another
  CHECK(!read("x509/under_leaf.crt").may_be_issued_by(leaf));
}

TEST_CASE("a certificate of step-ca says which provisioner issued it") {
  const auto leaf = read("step/leaf.crt");
  const auto kid = nlohmann::json::parse(test_data("step/provisioner.json"))["key"]["kid"].get<std::string>();
  REQUIRE(leaf.provisioner());
  CHECK(leaf.provisioner()->type == "JWK");
  CHECK(leaf.provisioner()->name == "admin");
  CHECK(leaf.provisioner()->credential_id == kid);
  CHECK(leaf.fingerprint().hex() == test_data("step/leaf.sha256"));
  CHECK(leaf.names() == std::vector<Name>{{Kind::dns, "myuser"},
                                          {Kind::email, "me@a.local"},
                                          {Kind::ip, "10.0.0.7"},
                                          {Kind::uri, "https://a.local/x"}});
}

TEST_CASE("a certificate belongs to the key it was made for") {
  const auto key = PrivateKey::from_pem(test_data("x509/keys/ec_sec1.key"), "the key");
  CHECK(read("x509/leaf.crt").is_for(key));
  CHECK_FALSE(read("x509/root.crt").is_for(key));
}

TEST_CASE("certificates survive PEM and DER") {
  const auto leaf = read("x509/leaf.crt");
  CHECK(leaf.to_pem() == test_data("x509/leaf.crt") + "\n");
  CHECK(Certificate::from_der(leaf.to_der(), "the certificate") == leaf);
  CHECK(!(leaf == read("x509/root.crt")));
}

TEST_CASE("a bundle is read in order, with other text between") {
  const std::string text = "# the root\n" + test_data("x509/root.crt") + "\n\nsome text\r\n" +
                           test_data("x509/keys/public.pem") + "\n" + test_data("x509/intermediate.crt");
  const auto bundle = parse_certificates(text, "the bundle");
  REQUIRE(bundle.size() == 2);
  CHECK(bundle[0] == read("x509/root.crt"));
  CHECK(bundle[1] == read("x509/intermediate.crt"));
  CHECK(to_pem(bundle) == test_data("x509/root.crt") + "\n" + test_data("x509/intermediate.crt") + "\n");
}

TEST_CASE("what is no certificate, or a damaged one, is malformed") {
  const auto pem = test_data("x509/leaf.crt");
  const auto der = read("x509/leaf.crt").to_der();
  auto damaged = pem;
  damaged[200] = damaged[200] == '!' ? '?' : '!';
  for (const auto& text : {std::string(), std::string("text"), pem.substr(0, 300), pem.substr(0, pem.size() - 30),
                           damaged, test_data("x509/root.crt") + "\n" + damaged, test_data("x509/keys/ec_sec1.key")})
    CHECK_MESSAGE(kind_of_error([&] { parse_certificates(text, "the bundle"); }) == ErrorKind::malformed, text);
  for (const auto& bytes : {std::string(), der + "x", der.substr(0, der.size() - 1), "x" + der, pem})
    CHECK(kind_of_error([&] { Certificate::from_der(bytes, "the certificate"); }) == ErrorKind::malformed);
}

TEST_CASE("an encrypted certificate is malformed and nobody is asked for its password") {
  auto pem = test_data("x509/leaf.crt");
  pem.insert(pem.find('\n') + 1, "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,FC568CD35A64B81679E82AACA8B02F17\n\n");
  CHECK(kind_of_error([&] { Certificate::from_pem(pem, "the certificate"); }) == ErrorKind::malformed);
}
