// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <everleaf/jose/base64.hpp>
#include <everleaf/x509/openssl.hpp>
#include <everleaf/x509/private_key.hpp>

namespace everleaf {

// Whether an ECDSA signature in a compact JWS is the key's: judged by OpenSSL, from the bytes up.
inline bool verifies(const std::string& token, const PrivateKey& key) {
  const auto dot = token.rfind('.');
  const auto signature = decode_base64url(token.substr(dot + 1)).value();
  const auto half = static_cast<int>(signature.size() / 2);
  const EcdsaSigPtr numbers(ECDSA_SIG_new());
  ECDSA_SIG_set0(numbers.get(), BN_bin2bn(to_unsigned(signature), half, nullptr),
                 BN_bin2bn(to_unsigned(signature) + half, half, nullptr));
  const auto der = to_der(i2d_ECDSA_SIG, numbers.get());
  const auto* digest = key.type() == KeyType::ec_p256 ? "SHA256" : "SHA512";
  const MdCtxPtr context(EVP_MD_CTX_new());
  EVP_DigestVerifyInit_ex(context.get(), nullptr, digest, nullptr, nullptr, key.native(), nullptr);
  const auto input = token.substr(0, dot);
  const bool good =
      EVP_DigestVerify(context.get(), to_unsigned(der), der.size(), to_unsigned(input), input.size()) == 1;
  ERR_clear_error();
  return good;
}

}  // namespace everleaf
