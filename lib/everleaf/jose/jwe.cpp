// SPDX-License-Identifier: Apache-2.0
#include <everleaf/jose/jwe.hpp>

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include <everleaf/jose/base64.hpp>
#include <everleaf/jose/compact.hpp>
#include <everleaf/json/json.hpp>
#include <everleaf/x509/openssl.hpp>

namespace everleaf {
namespace {

// How a password becomes a key, and the content's key is unwrapped with that (RFC 7518, section 4.8).
struct KeyWrap {
  std::string_view name;
  const EVP_MD* (*digest)();
  const EVP_CIPHER* (*cipher)();
};
constexpr std::array<KeyWrap, 3> key_wraps{{{"PBES2-HS256+A128KW", EVP_sha256, EVP_aes_128_wrap},
                                            {"PBES2-HS384+A192KW", EVP_sha384, EVP_aes_192_wrap},
                                            {"PBES2-HS512+A256KW", EVP_sha512, EVP_aes_256_wrap}}};

// How the content is encrypted and authenticated (RFC 7518, section 5).
struct Encryption {
  std::string_view name;
  const EVP_CIPHER* (*cipher)();
  std::size_t mac_key_size;  // stands before the cipher's key; 0 for GCM, which authenticates by itself

  std::size_t key_size() const { return mac_key_size + static_cast<std::size_t>(EVP_CIPHER_get_key_length(cipher())); }
  std::size_t iv_size() const { return static_cast<std::size_t>(EVP_CIPHER_get_iv_length(cipher())); }
};
constexpr std::array<Encryption, 3> encryptions{
    {{"A128GCM", EVP_aes_128_gcm, 0}, {"A256GCM", EVP_aes_256_gcm, 0}, {"A128CBC-HS256", EVP_aes_128_cbc, 16}}};

constexpr std::size_t tag_size = 16;  // of all of them

// What a cipher opens. An empty part is one that it does not need.
struct Sealed {
  std::string_view authenticated = {};  // sent in clear, but protected by the tag
  std::string_view iv = {};
  std::string_view ciphertext = {};
  std::string_view tag = {};
};

// Room for OpenSSL to write a secret into; wiped in any case.
class Room {
 public:
  explicit Room(std::size_t size) : bytes_(size, '\0') {}
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  ~Room() { OPENSSL_cleanse(bytes_.data(), bytes_.size()); }

  unsigned char* data() { return to_unsigned(bytes_); }
  Secret first(int size) const { return Secret(bytes_.substr(0, static_cast<std::size_t>(size))); }

 private:
  std::string bytes_;
};

[[noreturn]] void refuse(const std::string& why) { throw Error(ErrorKind::malformed, "the JWE " + why); }

nlohmann::json parse_header(std::string_view text) {
  auto header = parse_json(text, "the JWE's header");
  for (const auto* member : {"crit", "zip"})  // both change what the content means (RFC 7516, section 4.1)
    if (header.contains(member)) refuse("has an unknown extension: " + std::string(member));
  return header;
}

template <typename Table>
const auto& named(const Table& table, const nlohmann::json& header, const char* member) {
  const auto name = required_string(header, member, "the JWE's header");
  const auto found = std::find_if(table.begin(), table.end(), [&](auto& entry) { return entry.name == name; });
  if (found == table.end()) refuse("has an unknown " + std::string(member) + ": " + escape(name));
  return *found;
}

std::string salt(const nlohmann::json& header) {
  const auto input = decode_base64url(required_string(header, "p2s", "the JWE's header"));
  if (!input || input->size() < 8) refuse("has a bad salt (p2s)");
  return *input;
}

int iterations(const nlohmann::json& header) {
  const auto count = header.find("p2c");
  const bool whole = count != header.end() && count->is_number_unsigned();
  const auto value = whole ? count->get<std::uint64_t>() : 0;
  if (value < 1 || value > 10'000'000) refuse("has no reasonable iteration count (p2c)");
  return static_cast<int>(value);
}

// RFC 7518, section 4.8.1.1.
Secret derive_key(const KeyWrap& wrap, const nlohmann::json& header, const Secret& password) {
  const auto full_salt = std::string(wrap.name) + '\0' + salt(header);
  const auto text = password.reveal();
  const int size = EVP_CIPHER_get_key_length(wrap.cipher());
  Room key(static_cast<std::size_t>(size));
  require(PKCS5_PBKDF2_HMAC(text.data(), int_size(text), to_unsigned(full_salt), int_size(full_salt),
                            iterations(header), wrap.digest(), size, key.data()) == 1,
          "cannot derive a key from a password");
  return key.first(size);
}

// The plaintext, or nothing if the key does not fit or the bytes are not the sender's.
std::optional<Secret> unseal(const EVP_CIPHER* cipher, std::string_view key, const Sealed& sealed) {
  const CipherCtxPtr context(EVP_CIPHER_CTX_new());
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  require(EVP_DecryptInit_ex2(context.get(), cipher, to_unsigned(key),
                              sealed.iv.empty() ? nullptr : to_unsigned(sealed.iv), nullptr) == 1,
          "cannot prepare to decrypt");
  std::string tag(sealed.tag);
  if (!tag.empty()) EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, int_size(tag), tag.data());
  int written = 0;
  if (!sealed.authenticated.empty())
    EVP_DecryptUpdate(context.get(), nullptr, &written, to_unsigned(sealed.authenticated),
                      int_size(sealed.authenticated));
  Room plaintext(sealed.ciphertext.size() + EVP_MAX_BLOCK_LENGTH);
  int rest = 0;
  const bool opened = EVP_DecryptUpdate(context.get(), plaintext.data(), &written, to_unsigned(sealed.ciphertext),
                                        int_size(sealed.ciphertext)) == 1 &&
                      EVP_DecryptFinal_ex(context.get(), plaintext.data() + written, &rest) == 1;
  ERR_clear_error();
  if (!opened) return std::nullopt;
  return plaintext.first(written + rest);
}

Secret unwrap_key(const KeyWrap& wrap, std::string_view wrapped, const Secret& password_key) {
  auto key = unseal(wrap.cipher(), password_key.reveal(), {.ciphertext = wrapped});
  if (!key) throw Error(ErrorKind::crypto, "wrong password");
  return *std::move(key);
}

// RFC 7518, section 5.2.2.1.
bool mac_fits(std::string_view key, const Sealed& sealed) {
  std::string input;
  input.append(sealed.authenticated).append(sealed.iv).append(sealed.ciphertext);
  for (int shift = 56; shift >= 0; shift -= 8)
    input += static_cast<char>(std::uint64_t{sealed.authenticated.size()} * 8 >> shift & 255);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  std::size_t size = 0;
  require(EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key.data(), key.size(), to_unsigned(input),
                    input.size(), mac.data(), mac.size(), &size) != nullptr,
          "cannot authenticate a JWE");
  return CRYPTO_memcmp(mac.data(), sealed.tag.data(), tag_size) == 0;
}

Secret decrypt(const Encryption& encryption, const Secret& key, Sealed sealed) {
  const auto mac_key = key.reveal().substr(0, encryption.mac_key_size);
  if (!mac_key.empty()) {
    if (!mac_fits(mac_key, sealed)) refuse("is damaged");
    sealed.authenticated = sealed.tag = {};
  }
  auto plaintext = unseal(encryption.cipher(), key.reveal().substr(mac_key.size()), sealed);
  if (!plaintext) refuse("is damaged");
  return *std::move(plaintext);
}

}  // namespace

Secret decrypt_jwe(std::string_view compact, const Secret& password) {
  const auto parts = decode_compact(compact, 5, "the JWE");
  const auto header = parse_header(parts[0]);
  const auto& wrap = named(key_wraps, header, "alg");
  const auto& encryption = named(encryptions, header, "enc");
  const Sealed content{compact.substr(0, compact.find('.')), parts[2], parts[3], parts[4]};
  const bool sizes_fit = parts[1].size() == encryption.key_size() + 8 &&  // RFC 3394 adds a block of eight
                         content.iv.size() == encryption.iv_size() && content.tag.size() == tag_size;
  if (!sizes_fit) refuse("has parts of the wrong size");
  const auto key = unwrap_key(wrap, parts[1], derive_key(wrap, header, password));
  return decrypt(encryption, key, content);
}

}  // namespace everleaf
