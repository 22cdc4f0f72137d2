// SPDX-License-Identifier: Apache-2.0
#include <everleaf/config/reload_reader.hpp>

#include <utility>

#include <everleaf/error/error.hpp>
#include <everleaf/process/haproxy_socket.hpp>
#include <everleaf/process/signal.hpp>
#include <everleaf/systemd/service_name.hpp>

namespace everleaf {
namespace {

std::optional<ReloadMethod> read_signal(const toml::table& table, const std::string& title,
                                        const ProblemList& problems) {
  TableReader reader(table, title, problems);
  reader.require("pid-file");
  const auto pid_file = reader.path("pid-file");
  const auto text = reader.text("signal").value_or("HUP");
  const auto signal = parse_signal(text);
  if (!signal) reader.complain("signal", "there is no signal \"" + escape(text) + "\"", "nginx reloads on \"HUP\"");
  reader.finish();
  if (!pid_file || !signal) return std::nullopt;
  return ReloadBySignal{*pid_file, *signal};
}

std::optional<ReloadMethod> read_unit(const std::string& unit, const TableReader& reader) {
  if (is_service_name(unit)) return ReloadByUnit{unit};
  reader.complain("systemd", "\"" + escape(unit) + "\" cannot be the name of a service",
                  "write it as \"nginx.service\"");
  return std::nullopt;
}

std::optional<ReloadMethod> read_haproxy(const toml::table& table, const std::string& title,
                                         const ProblemList& problems) {
  TableReader reader(table, title, problems);
  reader.require("socket");
  const auto socket = reader.path("socket");
  const auto certificate = reader.text("certificate");
  if (certificate && !is_haproxy_name(*certificate))
    reader.complain("certificate", "\"certificate\" cannot be the name of one in HAProxy",
                    "the path in its configuration, without blanks, quotes and semicolons");
  reader.finish();
  if (!socket) return std::nullopt;
  return ReloadByHaproxySocket{*socket, certificate.value_or("")};
}

}  // namespace

void read_reload(const toml::node& node, const std::string& title, Proxy& proxy, const ProblemList& problems) {
  if (node.value_exact<std::string>() == "none") return;
  const auto* table = node.as_table();
  if (table == nullptr)
    return problems.add(
        node.source(), title + ": \"reload\" must be a table, or \"none\"",
        "{ systemd = \"nginx.service\" }, { exec = [\"program\", \"argument\"] }, { signal = { pid-file = "
        "\"/run/nginx.pid\" } } or { haproxy = { socket = \"/run/haproxy/everleaf.sock\" } }");
  TableReader reader(*table, title + " reload", problems);
  const auto unit = reader.text("systemd");
  const auto* signal = reader.table("signal");
  const auto argv = reader.texts("exec");
  const auto* haproxy = reader.table("haproxy");
  if (const auto limit = reader.duration("time-limit"))
    proxy.time_limit = std::chrono::ceil<std::chrono::milliseconds>(*limit);
  reader.finish();
  if (table->contains("systemd") + table->contains("signal") + table->contains("exec") + table->contains("haproxy") !=
      1)
    return reader.complain("", "give exactly one of \"systemd\", \"signal\", \"exec\" and \"haproxy\"");
  std::optional<ReloadMethod> method;
  if (unit) method = read_unit(*unit, reader);
  if (signal != nullptr) method = read_signal(*signal, title + " reload.signal", problems);
  if (!argv.empty()) method = ReloadByExec{argv};
  if (haproxy != nullptr) method = read_haproxy(*haproxy, title + " reload.haproxy", problems);
  if (method) proxy.reload = std::move(*method);
}

}  // namespace everleaf
