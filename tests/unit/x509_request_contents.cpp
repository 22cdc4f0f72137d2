// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/request_contents.hpp>

#include <doctest/doctest.h>

#include <everleaf/error/error.hpp>
#include <everleaf/x509/certificate_request.hpp>
#include <tests/support/kind_of_error.hpp>
#include <tests/support/output_of.hpp>

using namespace everleaf;

namespace {

RequestContents read(const std::string& json) { return RequestContents::from_json(json, "here"); }

std::string shown(const std::string& json, KeyType type = KeyType::ec_p256) {
  const auto request = make_certificate_request(PrivateKey::generate(type), read(json));
  return output_of("openssl req -verify -noout -text -nameopt RFC2253 2>/dev/null <<'END'\n" + request + "END\n");
}

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string objection(const std::string& json) {
  try {
    static_cast<void>(shown(json));
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing";
}

}  // namespace

TEST_CASE("openssl finds in a request what the JSON asks for") {
  const auto text = shown(R"({
      "subject": {"commonName": "a.test", "organization": ["b", "a"], "country": "US", "extraNames":
                  [{"type": "1.2.840.113549.1.9.1", "value": "me@a.test"}, {"type": "1.2.3.4", "value": "own"}]},
      "dnsNames": "b.test", "ipAddresses": ["10.0.0.7"], "sans": [
          {"type": "uri", "value": "spiffe://a/b"}, {"value": "2001:db8::1"}, {"type": "auto", "value": "me@b.test"}, {"value": ""}],
      "keyUsage": ["digital_signature", "cRLSign", "decipherOnly"], "extKeyUsage": "clientAuth",
      "unknownExtKeyUsage": ["1.2.3.5"], "basicConstraints": {"isCA": true},
      "extensions": [{"id": "1.2.3.6", "critical": true, "value": "BQA="}, {"id": "", "value": null}, {"id": "1.2.3.7"}]})");
  CHECK(has(text, "Subject: 1.2.3.4=#13036F776E,emailAddress=me@a.test,CN=a.test,O=b+O=a,C=US"));
  CHECK(
      has(text, "DNS:b.test, email:me@b.test, IP Address:10.0.0.7, IP Address:2001:DB8:0:0:0:0:0:1, URI:spiffe://a/b"));
  CHECK(has(text, "X509v3 Key Usage: critical\n                    Digital Signature, CRL Sign, Decipher Only\n"));
  CHECK(has(text, "TLS Web Client Authentication, 1.2.3.5\n"));
  CHECK(has(text, "X509v3 Basic Constraints: critical\n                    CA:TRUE, pathlen:0\n"));
  CHECK(has(text, "1.2.3.6: critical\n"));
  CHECK(has(text, "1.2.3.7: \n"));
}

TEST_CASE("of JSON members Go's case does not matter, null is nothing, and others are told") {
  const auto contents = read(R"({"SUBJECT": {"CommonName": "a", "o": 1}, "dnsnames": null, "keyUsage": null,
      "basicConstraints": null, "extensions": null, "notAfter": "1h", "sans": [{"type": "dns", "value": "b", "x": 1}]})");
  CHECK(contents.subject.size() == 1);
  CHECK(contents.names == std::vector<Name>{{Name::Kind::dns, "b"}});
  CHECK(contents.ignored == std::vector<std::string>{"subject.o", "sans.x", "notAfter"});
  CHECK(read(R"({"subject": "a.test"})").subject.front().front().value == "a.test");
  CHECK(read(R"({"subject": {"commonName": "a", "extraNames": [{"type": "2.5.4.3", "value": "b"}]}})").subject.size() ==
        1);
}

TEST_CASE("a request is signed as its JSON says") {
  CHECK(has(shown(R"({"signatureAlgorithm": "ecdsa-sha512"})"), "Signature Algorithm: ecdsa-with-SHA512"));
  CHECK(has(shown(R"({"signatureAlgorithm": "SHA512-RSA"})", KeyType::rsa_2048), "sha512WithRSAEncryption"));
  const auto pss = shown(R"({"signatureAlgorithm": "SHA384-RSAPSS"})", KeyType::rsa_2048);
  CHECK(has(pss, "Signature Algorithm: rsassaPss"));
  CHECK(has(pss, "Hash Algorithm: sha384"));
  CHECK(has(pss, "Salt Length: 0x30"));
  CHECK(has(shown(R"({"signatureAlgorithm": "Ed25519"})", KeyType::ed25519), "Signature Algorithm: ED25519"));
  CHECK(has(shown(R"({"signatureAlgorithm": null})"), "Signature Algorithm: ecdsa-with-SHA256"));
  CHECK(objection(R"({"signatureAlgorithm": "SHA256-RSA"})") == "a key of kind EC cannot sign by SHA256-RSA");
  CHECK(objection(R"({"signatureAlgorithm": "ECDSA-SHA1"})") == "the signature algorithm ECDSA-SHA1 is not supported");
}

TEST_CASE("an extension of subject alternative names stands for the names") {
  const auto text = shown(R"({"dnsNames": "gone", "extensions": [{"id": "2.5.29.17", "value": "MAiCBmEudGVzdA=="}]})");
  CHECK(has(text, "DNS:a.test\n"));
  CHECK(!has(text, "gone"));
}

TEST_CASE("JSON that step refuses, or would take for less than it says, is refused by the place in it") {
  CHECK(objection("{}}") == "here is not JSON");
  CHECK(objection("[]") == "here: it is not a JSON object");
  CHECK(objection(R"({"subject": 1})") == "here: subject is not a JSON object");
  CHECK(objection(R"({"subject": {"country": 1}})") ==
        "here: subject.country is neither a string nor a list of strings");
  CHECK(objection(R"({"subject": {"commonName": ["a"]}})") == "here: subject.commonName is not a string");
  CHECK(objection(R"({"subject": {"extraNames": [{"type": "x", "value": "a"}]}})") ==
        "here: subject.extraNames.type is not an object identifier: x");
  CHECK(objection(R"({"subject": {"extraNames": [{"type": "1.2.3", "value": 1}]}})") ==
        "here: subject.extraNames.value is not a string");
  CHECK(objection(R"({"subject": "a", "Subject": "b"})") == "here: subject is there twice");
  CHECK(objection(R"({"subject": "a", "sans": [], "subject": "b"})") == "here: subject is there twice");
  CHECK(objection(R"({"sans": [{"type": "dns", "type": "ip"}]})") == "here: type is there twice");
  CHECK(objection(R"({"sans": "a"})") == "here: sans is not a list");
  CHECK(objection(R"({"sans": [{"type": "ip", "value": "10.0.0"}]})") ==
        "here: sans has an IP address that is none: 10.0.0");
  CHECK(objection(R"({"sans": [{"type": "DNS", "value": "a"}]})") ==
        "here: sans has a name of type DNS, which is not supported");
  CHECK(objection(R"({"sans": [{"type": "dn", "asn1Value": {}}]})") == "here: sans.asn1Value is not supported");
  CHECK(objection(R"({"ipAddresses": "::1.2.3.4"})") ==
        "here: ipAddresses has an IP address in a mixed form, which is not supported: ::1.2.3.4");
  CHECK(objection(R"({"uris": ["https://a/b c"]})") == "here: uris has a URI that is not supported: https://a/b c");
  CHECK(objection(R"({"dnsNames": ["a", 1]})") == "here: dnsNames is neither a string nor a list of strings");
  CHECK(objection(R"({"dnsNames": ""})") == "here: dnsNames has an empty name");
  CHECK(objection(R"({"extensions": [{"id": "1.2.3", "value": "x"}]})") == "here: extensions.value is not base64");
  CHECK(objection(R"({"extensions": [{"id": "1.2.3", "value": "a==="}]})") == "here: extensions.value is not base64");
  CHECK(objection(R"({"extensions": [{"id": "1.2.3", "critical": "yes"}]})") ==
        "here: extensions.critical is not true or false");
  CHECK(objection(R"({"extensions": [{"id": "1.2.3"}, {"id": "1.2.3"}]})") == "here: extensions has 1.2.3 twice");
  CHECK(objection(R"({"extKeyUsage": "any", "extensions": [{"id": "2.5.29.37"}]})") ==
        "here: extensions has 2.5.29.37 twice");
  CHECK(objection(R"({"keyUsage": "sign"})") == "here: keyUsage has an unknown usage: sign");
  CHECK(objection(R"({"extKeyUsage": ["server"]})") == "here: extKeyUsage has an unknown usage: server");
  CHECK(objection(R"({"basicConstraints": {"maxPathLen": 1.5}})") ==
        "here: basicConstraints.maxPathLen is not a whole number");
  CHECK(objection("{\"dnsNames\": \"b\xc3\xbc.test\"}").find("it is not ASCII") != std::string::npos);
}

TEST_CASE("a URI that Go would write otherwise is not a plain one") {
  for (const auto* uri : {"https://a.test", "https://a.test:8443/b/%C3%A4?q=a%20b#f", "spiffe://a/b", "urn:a:b",
                          "file:///a", "mailto:me@a.test", "a+b:/c"})
    CHECK_MESSAGE(is_plain_uri(uri), uri);
  for (const auto* uri : {"", "a", "a:", "HTTPS://a", "https://a/b c", "https://a/\xc3\xa4", "https://a/%zz",
                          "https://a/%4", "https://u@a/", "https://a:b/", "https://a%41/", "https://a/#",
                          "https://a/#b#c", "a:////b", "https://a/\"", "https://a/[b]"})
    CHECK_MESSAGE(!is_plain_uri(uri), uri);
}
