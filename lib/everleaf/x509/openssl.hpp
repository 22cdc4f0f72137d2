// SPDX-License-Identifier: Apache-2.0
// Owners of OpenSSL's handles. Private: included only by sources of x509/ and jose/.
#pragma once

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/ct.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <climits>
#include <memory>
#include <string>
#include <string_view>

#include <everleaf/error/error.hpp>

namespace everleaf {

template <auto free_function>
struct Free {
  template <typename T>
  void operator()(T* handle) const {
    free_function(handle);
  }
};

using BioPtr = std::unique_ptr<BIO, Free<BIO_free_all>>;
using PkeyCtxPtr = std::unique_ptr<EVP_PKEY_CTX, Free<EVP_PKEY_CTX_free>>;
using MdCtxPtr = std::unique_ptr<EVP_MD_CTX, Free<EVP_MD_CTX_free>>;
using CipherCtxPtr = std::unique_ptr<EVP_CIPHER_CTX, Free<EVP_CIPHER_CTX_free>>;
using EcdsaSigPtr = std::unique_ptr<ECDSA_SIG, Free<ECDSA_SIG_free>>;
using ParamBuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, Free<OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, Free<OSSL_PARAM_free>>;
using BignumPtr = std::unique_ptr<BIGNUM, Free<BN_clear_free>>;
using X509ReqPtr = std::unique_ptr<X509_REQ, Free<X509_REQ_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Free<X509_STORE_free>>;
using StoreCtxPtr = std::unique_ptr<X509_STORE_CTX, Free<X509_STORE_CTX_free>>;
using GeneralNamesPtr = std::unique_ptr<GENERAL_NAMES, Free<GENERAL_NAMES_free>>;

// OpenSSL's own words for its newest error; the queue is emptied.
inline std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  const char* reason = ERR_reason_error_string(code);
  ERR_clear_error();
  return reason != nullptr ? reason : "unknown reason";
}

[[noreturn]] inline void throw_openssl(const std::string& doing, ErrorKind kind = ErrorKind::crypto) {
  throw Error(kind, doing + ": " + openssl_reason());
}

inline void require(bool ok, const char* doing) {
  if (!ok) throw_openssl(doing);
}

// For those of OpenSSL's functions that count in int.
inline int int_size(std::string_view bytes) {
  if (bytes.size() > INT_MAX) throw Error(ErrorKind::malformed, "input is too large");
  return static_cast<int>(bytes.size());
}

inline const unsigned char* to_unsigned(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
inline unsigned char* to_unsigned(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

inline BioPtr read_bio(std::string_view bytes) { return BioPtr(BIO_new_mem_buf(bytes.data(), int_size(bytes))); }

// Without it, OpenSSL asks the terminal for the password of whatever a stranger marked as encrypted.
inline int refuse_password(char*, int, int, void*) { return -1; }

inline std::string contents(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<std::size_t>(size)};
}

// Big-endian, filled up with zeros to `size`.
inline std::string to_bytes(const BIGNUM* number, std::size_t size) {
  std::string bytes(size, '\0');
  require(BN_bn2binpad(number, to_unsigned(bytes), int_size(bytes)) >= 0, "cannot write a number");
  return bytes;
}

// "P-256" and so on for NIST's curves, OpenSSL's name for others, empty if the key has no curve.
inline std::string curve_name(const EVP_PKEY* key) {
  std::array<char, 64> name{};
  if (EVP_PKEY_is_a(key, "EC") != 1 || EVP_PKEY_get_group_name(key, name.data(), name.size(), nullptr) != 1) return {};
  const char* nist = EC_curve_nid2nist(OBJ_txt2nid(name.data()));
  return nist != nullptr ? nist : name.data();
}

// OpenSSL's name for the kind of a key; it has none for some.
inline std::string kind_of_key(const EVP_PKEY* key) {
  const char* name = EVP_PKEY_get0_type_name(key);
  return name != nullptr ? name : "unknown";
}

// What an i2d_ function writes.
template <typename T, typename Encode>
std::string to_der(Encode encode, T* object) {
  unsigned char* der = nullptr;
  const int size = encode(object, &der);
  if (size < 0) throw_openssl("cannot encode");
  std::string bytes(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_clear_free(der, static_cast<std::size_t>(size));
  return bytes;
}

}  // namespace everleaf
