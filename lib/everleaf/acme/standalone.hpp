// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <everleaf/acme/responder.hpp>
#include <everleaf/files/file.hpp>

namespace everleaf::acme {

// An HTTP server that answers challenges and nothing else, on a thread of its own: a CA may look while it lets us wait.
class Standalone : public Responder {
 public:
  // Listens at ":80", "127.0.0.1:8080", "[::1]:80"; without a host at all addresses. Throws usage; conflict if somebody
  // else listens there; storage if we may not.
  explicit Standalone(const std::string& address);

  void publish(const std::vector<ChallengeAnswer>& answers) override;

 private:
  Descriptor listener_;
  std::jthread server_;  // the last: ends first
};

// What is said to a request: `answers` by token. Nothing until its header has ended.
using Answers = std::map<std::string, std::string, std::less<>>;
std::string answer_to(std::string_view request, const Answers& answers);

}  // namespace everleaf::acme
