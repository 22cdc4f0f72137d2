// SPDX-License-Identifier: Apache-2.0
#include <everleaf/jose/jws.hpp>

#include <openssl/hmac.h>

#include <everleaf/jose/base64.hpp>
#include <everleaf/jose/compact.hpp>
#include <everleaf/x509/openssl.hpp>

namespace everleaf {
namespace {

struct Algorithm {
  std::string_view name;
  const char* digest;           // OpenSSL's name; Ed25519 hashes by itself
  std::size_t coordinate_size;  // of an ECDSA signature's two numbers; 0 for other signatures
};

Algorithm algorithm_of(const PrivateKey& key) {
  const auto type = key.type();
  if (type == KeyType::ec_p256) return {"ES256", "SHA256", 32};
  if (type == KeyType::ec_p384) return {"ES384", "SHA384", 48};
  if (type == KeyType::ec_p521) return {"ES512", "SHA512", 66};
  if (type == KeyType::ed25519) return {"EdDSA", nullptr, 0};
  if (EVP_PKEY_is_a(key.native(), "RSA") == 1) return {"RS256", "SHA256", 0};
  throw Error(ErrorKind::crypto, "no JWS algorithm goes with this kind of key");
}

std::string sign(std::string_view input, const PrivateKey& key, const char* digest) {
  const MdCtxPtr context(EVP_MD_CTX_new());
  require(EVP_DigestSignInit_ex(context.get(), nullptr, digest, nullptr, nullptr, key.native(), nullptr) == 1,
          "cannot prepare to sign");
  std::size_t size = 0;
  require(EVP_DigestSign(context.get(), nullptr, &size, to_unsigned(input), input.size()) == 1, "cannot sign");
  std::string signature(size, '\0');
  require(EVP_DigestSign(context.get(), to_unsigned(signature), &size, to_unsigned(input), input.size()) == 1,
          "cannot sign");
  signature.resize(size);
  return signature;
}

// OpenSSL's DER as the two numbers of fixed size that JWS wants (RFC 7518, section 3.4).
std::string to_coordinates(std::string_view der, std::size_t coordinate_size) {
  const auto* bytes = to_unsigned(der);
  const EcdsaSigPtr signature(d2i_ECDSA_SIG(nullptr, &bytes, static_cast<long>(der.size())));
  require(signature != nullptr, "cannot read our own signature");
  return to_bytes(ECDSA_SIG_get0_r(signature.get()), coordinate_size) +
         to_bytes(ECDSA_SIG_get0_s(signature.get()), coordinate_size);
}

std::string signature_of(std::string_view input, const PrivateKey& key) {
  const auto algorithm = algorithm_of(key);
  auto signature = sign(input, key, algorithm.digest);
  return algorithm.coordinate_size == 0 ? signature : to_coordinates(signature, algorithm.coordinate_size);
}

std::string authentication_code(std::string_view input, const Secret& key) {
  std::string code(EVP_MAX_MD_SIZE, '\0');
  unsigned size = 0;
  require(HMAC(EVP_sha256(), key.reveal().data(), int_size(key.reveal()), to_unsigned(input), input.size(),
               to_unsigned(code), &size) != nullptr,
          "cannot authenticate");
  code.resize(size);
  return code;
}

std::string signing_input(std::string_view header, std::string_view payload) {
  return base64url(header) + "." + base64url(payload);
}

std::string flattened(std::string_view header, std::string_view payload, std::string_view signature) {
  return R"({"protected":")" + base64url(header) + R"(","payload":")" + base64url(payload) + R"(","signature":")" +
         base64url(signature) + R"("})";
}

}  // namespace

std::string_view jws_algorithm(const PrivateKey& key) { return algorithm_of(key).name; }

std::string sign_jws(std::string_view header, std::string_view payload, const PrivateKey& key) {
  const auto input = signing_input(header, payload);
  return input + "." + base64url(signature_of(input, key));
}

std::string sign_jws_flattened(std::string_view header, std::string_view payload, const PrivateKey& key) {
  return flattened(header, payload, signature_of(signing_input(header, payload), key));
}

std::string sign_jws_flattened(std::string_view header, std::string_view payload, const Secret& shared_key) {
  return flattened(header, payload, authentication_code(signing_input(header, payload), shared_key));
}

JwsParts unverified_jws_parts(std::string_view compact, const std::string& source) {
  auto parts = decode_compact(compact, 3, source);
  return {.header = std::move(parts[0]), .payload = std::move(parts[1])};
}

}  // namespace everleaf
