// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include <everleaf/secret/secret.hpp>

namespace everleaf {

// Decrypts a compact JWE (RFC 7516, section 7.1) that a password protects: alg PBES2-HS256+A128KW, PBES2-HS384+A192KW
// or PBES2-HS512+A256KW (RFC 7518, section 4.8), enc A128GCM, A256GCM or A128CBC-HS256. This is how step-ca hands out a
// provisioner's key. `p2c` above 10 million and texts above 64 KiB are refused: the work is the sender's to choose.
// Throws crypto for a wrong password, malformed for all else.
Secret decrypt_jwe(std::string_view compact, const Secret& password);

}  // namespace everleaf
