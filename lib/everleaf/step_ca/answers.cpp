// SPDX-License-Identifier: Apache-2.0
#include <everleaf/step_ca/answers.hpp>

#include <utility>

#include <everleaf/error/error.hpp>
#include <everleaf/json/json.hpp>

namespace everleaf {
namespace {

using nlohmann::json;

// What the CA says in JSON is an answer, not a file of ours: all that is wrong with it is of that kind.
template <typename Read>
auto read_answer(std::string_view body, Read read) {
  try {
    return read(parse_json(body, "the CA's answer"));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::malformed) throw;
    throw Error(ErrorKind::answer, error.what(), "is the URL that of a step-ca?");
  } catch (const json::exception&) {
    throw Error(ErrorKind::answer, "the CA's answer is not what step-ca says", "is the URL that of a step-ca?");
  }
}

std::vector<Certificate> certificates_in(const json& list) {
  std::vector<Certificate> certificates;
  for (const auto& pem : list)
    certificates.push_back(Certificate::from_pem(pem.get<std::string>(), "a certificate in the CA's answer"));
  return certificates;
}

std::vector<Certificate> chain_in(const json& answer) {
  if (answer.contains("certChain") && answer["certChain"].is_array() && !answer["certChain"].empty())
    return certificates_in(answer["certChain"]);
  auto list = json::array({required_string(answer, "crt", "the CA's answer")});
  if (auto issuer = optional_string(answer, "ca", "the CA's answer"); !issuer.empty())
    list.push_back(std::move(issuer));
  return certificates_in(list);
}

Provisioner to_provisioner(const json& entry, const nlohmann::ordered_json& as_told) {
  Provisioner result{.type = required_string(entry, "type", "a provisioner"),
                     .name = required_string(entry, "name", "a provisioner"),
                     .key_id = {},
                     .encrypted_key = optional_string(entry, "encryptedKey", "a provisioner"),
                     .json = as_told.dump()};
  if (const auto key = entry.find("key"); key != entry.end() && key->is_object())
    result.key_id = optional_string(*key, "kid", "a provisioner's key");
  return result;
}

}  // namespace

std::string words_of(std::string_view body) {
  try {
    const auto answer = parse_json(body, "the answer");
    for (const char* member : {"message", "detail"})
      if (answer.is_object() && answer.contains(member) && answer[member].is_string())
        return escape(answer[member].get_ref<const std::string&>(), 400);
  } catch (const Error&) {  // HTML or worse: its beginning is all there is
  }
  return body.empty() ? "no reason given" : escape(body, 120);
}

std::string text_in_answer(std::string_view body, const char* member) {
  return read_answer(body, [&](const json& answer) { return required_string(answer, member, "the CA's answer"); });
}

Certificate root_in_answer(std::string_view body) {
  return read_answer(body, [](const json& answer) {
    return Certificate::from_pem(required_string(answer, "ca", "the CA's answer"), "the root in the CA's answer");
  });
}

std::vector<Certificate> roots_in_answer(std::string_view body) {
  return read_answer(body, [](const json& answer) {
    auto roots = certificates_in(answer.at("crts"));
    if (roots.empty()) throw Error(ErrorKind::answer, "the CA says that it has no root");
    return roots;
  });
}

std::vector<Certificate> chain_in_answer(std::string_view body) { return read_answer(body, chain_in); }

ProvisionerPage provisioners_in_answer(std::string_view body) {
  return read_answer(body, [body](const json& answer) {
    ProvisionerPage page;
    const auto as_told = parse_ordered_json(body, "the CA's answer");
    const auto& entries = answer.at("provisioners");
    for (std::size_t i = 0; i < entries.size(); ++i)
      page.provisioners.push_back(to_provisioner(entries.at(i), as_told.at("provisioners").at(i)));
    page.next = optional_string(answer, "nextCursor", "the CA's answer");
    if (page.next.find_first_not_of("0123456789abcdefABCDEF") != std::string::npos)
      throw Error(ErrorKind::answer, "the CA's list of provisioners has no usable next page");
    return page;
  });
}

}  // namespace everleaf
