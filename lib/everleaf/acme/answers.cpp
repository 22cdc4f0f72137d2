// SPDX-License-Identifier: Apache-2.0
#include <everleaf/acme/answers.hpp>

#include <everleaf/error/error.hpp>
#include <everleaf/jose/base64.hpp>
#include <everleaf/json/json.hpp>

namespace everleaf::acme {
namespace {

using nlohmann::json;

constexpr auto what = "the ACME server's answer";
constexpr std::string_view type_prefix = "urn:ietf:params:acme:error:";
constexpr std::size_t most_items = 100;  // names in an order, challenges, subproblems

template <typename Read>
auto read_answer(std::string_view body, Read read) {
  try {
    return read(parse_json(body, what));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::malformed) throw;
    throw Error(ErrorKind::answer, error.what(), "is the URL that of an ACME directory?");
  } catch (const json::exception&) {
    throw Error(ErrorKind::answer, std::string(what) + " is not what RFC 8555 says",
                "is the URL that of an ACME directory?");
  }
}

// Only these are gone to.
std::string url_in(const json& answer, const char* member) {
  auto url = required_string(answer, member, what);
  if (!url.starts_with("https://")) throw Error(ErrorKind::answer, std::string(what) + " leads away from https");
  return url;
}

Status status_in(const json& answer) {
  const auto status = required_string(answer, "status", what);
  if (status == "pending") return Status::pending;
  if (status == "processing") return Status::processing;
  if (status == "ready") return Status::ready;
  if (status == "valid") return Status::valid;
  return Status::invalid;
}

const json& list_in(const json& answer, const char* member) {
  const auto& list = answer.at(member);
  if (!list.is_array() || list.size() > most_items)
    throw Error(ErrorKind::answer, std::string(what) + ": \"" + member + "\" is no list, or an unreasonable one");
  return list;
}

std::string words_of(const json& problem) {
  auto words = optional_string(problem, "detail", what);
  if (words.empty()) words = optional_string(problem, "title", what);
  if (words.empty()) words = optional_string(problem, "type", what);
  return escape(words, 400);
}

// "no such account: a.test: blocked"
Problem to_problem(const json& problem) {
  auto type = optional_string(problem, "type", what);
  if (type.starts_with(type_prefix)) type.erase(0, type_prefix.size());
  Problem result{type, words_of(problem)};
  if (!problem.contains("subproblems")) return result;
  for (const auto& one : list_in(problem, "subproblems")) {
    result.words += "; ";
    if (one.contains("identifier")) result.words += escape(optional_string(one["identifier"], "value", what)) + ": ";
    result.words += words_of(one);
  }
  return result;
}

std::optional<Problem> error_in(const json& answer) {
  if (!answer.contains("error") || !answer["error"].is_object()) return std::nullopt;
  return to_problem(answer["error"]);
}

Challenge to_challenge(const json& answer) {
  Challenge challenge{.type = required_string(answer, "type", what),
                      .url = url_in(answer, "url"),
                      .token = optional_string(answer, "token", what),
                      .status = status_in(answer),
                      .problem = error_in(answer)};
  // RFC 8555, section 8.1: base64url. It becomes a file's name.
  if (challenge.token.size() > 256 || challenge.token.find_first_not_of(base64url_alphabet) != std::string::npos)
    throw Error(ErrorKind::answer, std::string(what) + ": a challenge's token is not in base64url");
  return challenge;
}

}  // namespace

Directory directory_in(std::string_view body) {
  return read_answer(body, [](const json& answer) {
    Directory directory{url_in(answer, "newNonce"), url_in(answer, "newAccount"), url_in(answer, "newOrder")};
    if (const auto meta = answer.find("meta"); meta != answer.end() && meta->is_object())
      directory.wants_external_account = meta->value("externalAccountRequired", false);
    return directory;
  });
}

Order order_in(std::string_view body) {
  return read_answer(body, [](const json& answer) {
    Order order{.status = status_in(answer), .finalize = url_in(answer, "finalize"), .problem = error_in(answer)};
    for (const auto& one : list_in(answer, "authorizations")) {
      order.authorizations.push_back(one.get<std::string>());
      if (!order.authorizations.back().starts_with("https://"))
        throw Error(ErrorKind::answer, std::string(what) + " leads away from https");
    }
    if (order.authorizations.empty()) throw Error(ErrorKind::answer, std::string(what) + ": an order for no name");
    if (order.status == Status::valid) order.certificate = url_in(answer, "certificate");
    return order;
  });
}

Authorization authorization_in(std::string_view body) {
  return read_answer(body, [](const json& answer) {
    Authorization authorization{.identifier = escape(required_string(answer.at("identifier"), "value", what)),
                                .status = status_in(answer)};
    for (const auto& one : list_in(answer, "challenges")) authorization.challenges.push_back(to_challenge(one));
    return authorization;
  });
}

Challenge challenge_in(std::string_view body) { return read_answer(body, to_challenge); }

Problem problem_in(std::string_view body) {
  try {
    if (const auto answer = parse_json(body, what); answer.is_object()) return to_problem(answer);
  } catch (const Error&) {  // HTML or worse: its beginning is all there is
  } catch (const json::exception&) {
  }
  return {{}, body.empty() ? "no reason given" : escape(body, 120)};
}

}  // namespace everleaf::acme
