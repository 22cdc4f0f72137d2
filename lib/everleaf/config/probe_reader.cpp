// SPDX-License-Identifier: Apache-2.0
#include <everleaf/config/probe_reader.hpp>

#include <algorithm>

#include <everleaf/error/error.hpp>

namespace everleaf {
namespace {

// What `parse` makes of the text at `key`.
template <typename T>
std::optional<T> read_as(TableReader& reader, const std::string& key, T (*parse)(std::string_view)) {
  const auto text = reader.text(key);
  if (!text) return std::nullopt;
  try {
    return parse(*text);
  } catch (const Error& error) {
    reader.complain(key, error.what(), error.hint());
    return std::nullopt;
  }
}

ProbeDraft read_probe(const toml::table& table, ProbeOf kind, const std::string& name, const std::string& title,
                      const ProblemList& problems) {
  TableReader reader(table, title, problems);
  const auto& where = table.source().begin;
  ProbeDraft draft{kind,
                   name,
                   reader.text(kind == ProbeOf::proxy ? "certificate" : "proxy").value_or(""),
                   read_as(reader, "echo", LoopbackUrl::parse),
                   read_as(reader, "upstream", Endpoint::parse),
                   read_as(reader, "tls", Endpoint::parse),
                   {problems.file, where.line, where.column, title, {}}};
  reader.finish();
  if (!table.contains("echo") && !table.contains("upstream") && !table.contains("tls"))
    reader.complain("", "give one of \"echo\", \"upstream\" and \"tls\" at least");
  return draft;
}

std::vector<std::string> users_of(const std::string& proxy, const Configuration& configuration) {
  std::vector<std::string> users;
  for (const auto& [name, certificate] : configuration.certificates)
    if (std::ranges::count(certificate.used_by, proxy) != 0) users.push_back(name);
  return users;
}

// `name` if it is among `names`; the only one of them if it is empty. Else the text of a problem.
struct Choice {
  std::string name;
  std::string problem;
};
Choice choose(const std::string& name, const std::vector<std::string>& names, const std::string& key) {
  if (name.empty() && names.size() == 1) return {names.front(), ""};
  if (name.empty() && names.empty()) return {"", "there is no " + key + " that it could be about"};
  if (name.empty()) return {"", "say with \"" + key + "\" which of " + listed(names) + " it is about"};
  if (std::ranges::count(names, name) != 0) return {name, ""};
  return {"", "[" + key + "." + escape(name) + "] has nothing to do with it"};
}

// The problem, if there is one.
std::string assign(const ProbeDraft& draft, Configuration& configuration) {
  const auto choice = draft.kind == ProbeOf::proxy
                          ? choose(draft.other, users_of(draft.owner, configuration), "certificate")
                          : choose(draft.other, configuration.certificates.at(draft.owner).used_by, "proxy");
  if (!choice.problem.empty()) return choice.problem;
  const auto& [proxy, certificate] =
      draft.kind == ProbeOf::proxy ? std::pair(draft.owner, choice.name) : std::pair(choice.name, draft.owner);
  auto& probes = configuration.proxies.at(proxy).probes;
  if (std::ranges::count(probes, certificate, &Probe::certificate) != 0)
    return "there is more than one for " + certificate + " and " + proxy;
  probes.push_back({certificate, draft.echo, draft.upstream, draft.tls});
  return {};
}

}  // namespace

std::vector<ProbeDraft> read_probes(const toml::node& node, ProbeOf kind, const std::string& name,
                                    const ProblemList& problems) {
  const auto title = std::string(kind == ProbeOf::proxy ? "[proxy." : "[certificate.") + name + "] probe";
  std::vector<ProbeDraft> probes;
  const auto add = [&](const toml::node& one) {
    if (const auto* table = one.as_table())
      probes.push_back(read_probe(*table, kind, name, title, problems));
    else
      problems.add(one.source(), title + " must be a table, or a list of tables",
                   "{ echo = \"http://127.0.0.1:9181/everleaf\" } or { tls = \"127.0.0.1:443\" }");
  };
  if (const auto* list = node.as_array())
    for (const auto& one : *list) add(one);
  else
    add(node);
  return probes;
}

void assign_probes(const std::vector<ProbeDraft>& drafts, Configuration& configuration,
                   std::vector<ConfigurationProblem>& problems) {
  for (const auto& draft : drafts) {
    const auto text = assign(draft, configuration);
    if (text.empty()) continue;
    auto problem = draft.place;
    problem.text += ": " + text;
    problems.push_back(std::move(problem));
  }
}

}  // namespace everleaf
