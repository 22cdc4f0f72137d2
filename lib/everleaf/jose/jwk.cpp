// SPDX-License-Identifier: Apache-2.0
#include <everleaf/jose/jwk.hpp>

#include <openssl/core_names.h>
#include <openssl/crypto.h>

#include <array>
#include <utility>

#include <everleaf/jose/base64.hpp>
#include <everleaf/json/json.hpp>
#include <everleaf/x509/fingerprint.hpp>
#include <everleaf/x509/openssl.hpp>

namespace everleaf {
namespace {

struct Curve {
  KeyType type;
  const char* name;  // in JOSE and in OpenSSL
  std::size_t coordinate_size;
};
constexpr std::array<Curve, 3> curves{
    {{KeyType::ec_p256, "P-256", 32}, {KeyType::ec_p384, "P-384", 48}, {KeyType::ec_p521, "P-521", 66}}};

// A parsed JWK. The tree holds the private numbers in base64url, so it is wiped. What the JSON parser copied on the
// way is left to wipe_freed_memory().
class Jwk {
 public:
  Jwk(std::string_view text, const std::string& source) : tree_(parse_json(text, source)), source_(source) {}
  Jwk(const Jwk&) = delete;
  Jwk& operator=(const Jwk&) = delete;
  ~Jwk() {
    for (auto& member : tree_)
      if (auto* text = member.get_ptr<std::string*>()) OPENSSL_cleanse(text->data(), text->size());
  }

  std::string text(const char* member) const { return required_string(tree_, member, source_); }

  Secret bytes(const char* member) const {
    const Secret encoded(text(member));
    auto decoded = decode_base64url(encoded.reveal());
    if (!decoded) refuse(member, "is not in base64url");
    return Secret(*std::move(decoded));
  }

  Secret bytes(const char* member, std::size_t size) const {
    auto value = bytes(member);
    if (value.reveal().size() != size) refuse(member, "does not have " + std::to_string(size) + " bytes");
    return value;
  }

  [[noreturn]] void refuse(const std::string& member, const std::string& why) const {
    throw Error(ErrorKind::malformed, source_ + ": \"" + member + "\" " + why);
  }

  [[noreturn]] void refuse_numbers() const {
    ERR_clear_error();
    throw Error(ErrorKind::crypto, source_ + ": the numbers are no key");
  }

 private:
  nlohmann::json tree_;
  std::string source_;
};

// In secure memory so that the parameters built from it are wiped too (OSSL_PARAM_BLD_push_BN(3)).
BignumPtr secret_number(const Secret& bytes) {
  BignumPtr number(BN_secure_new());
  const auto big_endian = bytes.reveal();
  require(number && BN_bin2bn(to_unsigned(big_endian), int_size(big_endian), number.get()) != nullptr,
          "cannot read a number");
  return number;
}

// Makes a key of parameters and checks that its public and private part belong together.
std::shared_ptr<EVP_PKEY> build_key(const char* kind, const ParamBuilderPtr& builder, const Jwk& jwk) {
  const ParamsPtr parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const PkeyCtxPtr maker(EVP_PKEY_CTX_new_from_name(nullptr, kind, nullptr));
  require(parameters && EVP_PKEY_fromdata_init(maker.get()) == 1, "cannot prepare a key");
  EVP_PKEY* native = nullptr;
  EVP_PKEY_fromdata(maker.get(), &native, EVP_PKEY_KEYPAIR, parameters.get());
  if (native == nullptr) jwk.refuse_numbers();
  std::shared_ptr<EVP_PKEY> key(native, EVP_PKEY_free);
  const PkeyCtxPtr checker(EVP_PKEY_CTX_new_from_pkey(nullptr, native, nullptr));
  if (EVP_PKEY_check(checker.get()) != 1) jwk.refuse_numbers();
  return key;
}

const Curve& curve_of(const Jwk& jwk) {
  const auto name = jwk.text("crv");
  for (const auto& curve : curves)
    if (name == curve.name) return curve;
  jwk.refuse("crv", "is " + escape(name) + ", which is unknown");
}

std::shared_ptr<EVP_PKEY> read_ec(const Jwk& jwk) {
  const auto& curve = curve_of(jwk);
  const auto x = jwk.bytes("x", curve.coordinate_size);
  const auto y = jwk.bytes("y", curve.coordinate_size);
  const auto d = secret_number(jwk.bytes("d", curve.coordinate_size));
  const auto point = std::string("\x04").append(x.reveal()).append(y.reveal());  // SEC 1, section 2.3.3
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, curve.name, 0);
  OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size());
  OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_PRIV_KEY, d.get());
  return build_key("EC", builder, jwk);
}

// The Chinese remainder members may be left out of a JWK (RFC 7518, section 6.3.2); step writes them, and with them
// OpenSSL can check the whole key.
constexpr std::array<std::pair<const char*, const char*>, 8> rsa_members{{{"n", OSSL_PKEY_PARAM_RSA_N},
                                                                          {"e", OSSL_PKEY_PARAM_RSA_E},
                                                                          {"d", OSSL_PKEY_PARAM_RSA_D},
                                                                          {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},
                                                                          {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},
                                                                          {"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1},
                                                                          {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2},
                                                                          {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1}}};

std::shared_ptr<EVP_PKEY> read_rsa(const Jwk& jwk) {
  constexpr std::size_t largest = 512;  // 4096 bits: the time to check a key grows with the fourth power of its size
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  std::array<BignumPtr, rsa_members.size()> numbers;  // the builder looks at them only at its end
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto& [member, parameter] = rsa_members[i];
    const auto value = jwk.bytes(member);
    if (value.empty() || value.reveal().size() > largest) jwk.refuse(member, "has an unreasonable size");
    numbers[i] = secret_number(value);
    OSSL_PARAM_BLD_push_BN(builder.get(), parameter, numbers[i].get());
  }
  return build_key("RSA", builder, jwk);
}

std::string ed25519_public_key(EVP_PKEY* key) {
  std::string bytes(32, '\0');
  std::size_t size = bytes.size();
  require(EVP_PKEY_get_raw_public_key(key, to_unsigned(bytes), &size) == 1, "cannot read a public key");
  return bytes;
}

std::shared_ptr<EVP_PKEY> read_okp(const Jwk& jwk) {
  if (const auto curve = jwk.text("crv"); curve != "Ed25519")
    jwk.refuse("crv", "is " + escape(curve) + ", which is unknown");
  const auto x = jwk.bytes("x", 32);
  const auto d = jwk.bytes("d", 32);
  std::shared_ptr<EVP_PKEY> key(
      EVP_PKEY_new_raw_private_key_ex(nullptr, "ED25519", nullptr, to_unsigned(d.reveal()), d.reveal().size()),
      EVP_PKEY_free);
  if (!key || ed25519_public_key(key.get()) != x.reveal()) jwk.refuse_numbers();
  return key;
}

std::string number_of(const PrivateKey& key, const char* parameter, std::size_t size = 0) {
  BIGNUM* native = nullptr;
  require(EVP_PKEY_get_bn_param(key.native(), parameter, &native) == 1, "cannot read a public key");
  const BignumPtr number(native);
  return base64url(to_bytes(native, size != 0 ? size : static_cast<std::size_t>(BN_num_bytes(native))));
}

}  // namespace

PrivateKey private_key_from_jwk(std::string_view json, const std::string& source) {
  const Jwk jwk(json, source);
  const auto kind = jwk.text("kty");
  if (kind == "EC") return PrivateKey(read_ec(jwk));
  if (kind == "RSA") return PrivateKey(read_rsa(jwk));
  if (kind == "OKP") return PrivateKey(read_okp(jwk));
  jwk.refuse("kty", "is " + escape(kind) + ", which is unknown");
}

std::string public_jwk(const PrivateKey& key) {
  const auto type = key.type();
  nlohmann::json members;  // sorted by name, and dumped without spaces: RFC 7638, section 3
  for (const auto& curve : curves)
    if (type == curve.type)
      members = {{"kty", "EC"},
                 {"crv", curve.name},
                 {"x", number_of(key, OSSL_PKEY_PARAM_EC_PUB_X, curve.coordinate_size)},
                 {"y", number_of(key, OSSL_PKEY_PARAM_EC_PUB_Y, curve.coordinate_size)}};
  if (type == KeyType::ed25519)
    members = {{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", base64url(ed25519_public_key(key.native()))}};
  if (EVP_PKEY_is_a(key.native(), "RSA") == 1)
    members = {
        {"kty", "RSA"}, {"n", number_of(key, OSSL_PKEY_PARAM_RSA_N)}, {"e", number_of(key, OSSL_PKEY_PARAM_RSA_E)}};
  if (members.is_null()) throw Error(ErrorKind::crypto, "this kind of key has no JWK");
  return members.dump();
}

std::string jwk_thumbprint(const PrivateKey& key) {
  const auto hash = Fingerprint::of(public_jwk(key)).bytes();
  return base64url({reinterpret_cast<const char*>(hash.data()), hash.size()});
}

}  // namespace everleaf
