// SPDX-License-Identifier: Apache-2.0
// Private to acme/: what an ACME server says in the bodies of its answers (RFC 8555, section 7.1). Somebody else's
// bytes: all that is wrong with them is thrown as `answer`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace everleaf::acme {

struct Directory {
  std::string new_nonce;
  std::string new_account;
  std::string new_order;
  bool wants_external_account = false;
};

// Of orders, authorizations and challenges; `invalid` also stands for what is deactivated, expired or revoked.
enum class Status { pending, processing, ready, valid, invalid };

// What is wrong, in the server's words (RFC 7807), escaped; with those of its subproblems.
struct Problem {
  std::string type;  // "badNonce": without "urn:ietf:params:acme:error:"
  std::string words;
};

struct Order {
  Status status = Status::pending;
  std::vector<std::string> authorizations;  // URLs, as the following
  std::string finalize;
  std::string certificate;  // empty until it is valid
  std::optional<Problem> problem;
};

struct Challenge {
  std::string type;
  std::string url;
  std::string token;  // fit for a URL and a file name
  Status status = Status::pending;
  std::optional<Problem> problem;
};

struct Authorization {
  std::string identifier;  // escaped
  Status status = Status::pending;
  std::vector<Challenge> challenges;
};

Directory directory_in(std::string_view body);
Order order_in(std::string_view body);
Authorization authorization_in(std::string_view body);
Challenge challenge_in(std::string_view body);
// The beginning of a body that is no problem document is taken for the words.
Problem problem_in(std::string_view body);

}  // namespace everleaf::acme
