// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace everleaf::acme {

// What the CA wants to find at http://IDENTIFIER/.well-known/acme-challenge/TOKEN (RFC 8555, section 8.3).
struct ChallengeAnswer {
  std::string identifier;  // escaped, for people
  std::string token;       // fit for a URL and a file name
  std::string key_authorization;
};

inline constexpr auto challenge_path = "/.well-known/acme-challenge/";

// Puts answers where the CA looks for them, and takes them away when it dies. That it can is known since it was made.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void publish(const std::vector<ChallengeAnswer>& answers) = 0;
};

}  // namespace everleaf::acme
