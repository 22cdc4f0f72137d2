// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/public_key.hpp>

#include <openssl/pem.h>

#include <everleaf/x509/openssl.hpp>

namespace everleaf {

PublicKey PublicKey::from_pem(std::string_view pem, const std::string& source) {
  const auto bio = read_bio(pem);
  std::shared_ptr<EVP_PKEY> key(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
  ERR_clear_error();
  if (!key) throw Error(ErrorKind::malformed, source + " is not a public key in PEM");
  return PublicKey(std::move(key));
}

PublicKey PublicKey::from_native(evp_pkey_st* native) {
  if (native == nullptr) throw Error(ErrorKind::malformed, "the public key is of a kind that nobody knows");
  EVP_PKEY_up_ref(native);
  return PublicKey(std::shared_ptr<EVP_PKEY>(native, EVP_PKEY_free));
}

std::string PublicKey::to_pem() const {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_PUBKEY(bio.get(), native()) == 1, "cannot encode a public key");
  return contents(bio.get());
}

bool operator==(const PublicKey& a, const PublicKey& b) {
  const bool same = EVP_PKEY_eq(a.native(), b.native()) == 1;
  ERR_clear_error();
  return same;
}

std::string PublicKey::description() const {
  if (const auto curve = curve_name(native()); !curve.empty()) return "ECDSA " + curve;
  if (EVP_PKEY_is_a(native(), "ED25519") == 1) return "Ed25519 256";
  return kind_of_key(native()) + " " + std::to_string(EVP_PKEY_get_bits(native()));
}

}  // namespace everleaf
