// SPDX-License-Identifier: Apache-2.0
#include <everleaf/jose/jws.hpp>

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

}  // namespace

std::string_view jws_algorithm(const PrivateKey& key) { return algorithm_of(key).name; }

std::string sign_jws(std::string_view header, std::string_view payload, const PrivateKey& key) {
  const auto algorithm = algorithm_of(key);
  const auto input = base64url(header) + "." + base64url(payload);
  auto signature = sign(input, key, algorithm.digest);
  if (algorithm.coordinate_size != 0) signature = to_coordinates(signature, algorithm.coordinate_size);
  return input + "." + base64url(signature);
}

JwsParts unverified_jws_parts(std::string_view compact, const std::string& source) {
  auto parts = decode_compact(compact, 3, source);
  return {.header = std::move(parts[0]), .payload = std::move(parts[1])};
}

}  // namespace everleaf
