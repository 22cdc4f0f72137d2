// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace everleaf {

// One of the CA's provisioners, as GET /provisioners lists it.
struct Provisioner {
  std::string type;  // "JWK", "ACME", ... as the CA writes it
  std::string name;
  std::string key_id;         // JWK: the kid of its key
  std::string encrypted_key;  // JWK: its private key as compact JWE; empty if the CA does not keep it
  std::string json{};         // all that the CA tells of it, in its order
};

}  // namespace everleaf
