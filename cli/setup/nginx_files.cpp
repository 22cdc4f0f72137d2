// SPDX-License-Identifier: Apache-2.0
#include "cli/setup/nginx_files.hpp"

#include <algorithm>
#include <map>

#include <everleaf/error/error.hpp>
#include "polkit_rule.hpp"

namespace everleaf::cli {
namespace {

const std::filesystem::path everleaf_directory = "/etc/everleaf";
const std::filesystem::path nginx_directory = "/etc/nginx";
const std::string origin = "# Written by \"everleaf setup nginx\"; /usr/share/doc/everleaf/nginx.md explains it.\n";

// `text` with each "@KEY@" replaced.
std::string filled(std::string text, const std::map<std::string, std::string>& values) {
  for (const auto& [key, value] : values)
    for (auto at = text.find("@" + key + "@"); at != std::string::npos;
         at = text.find("@" + key + "@", at + value.size()))
      text.replace(at, key.size() + 2, value);
  return text;
}

std::string toml_text(const std::string& value) {
  std::string text = "\"";
  for (const char c : value) {
    if (static_cast<unsigned char>(c) < ' ' || c == '\x7f')
      throw Error(ErrorKind::usage, "the subject \"" + escape(value) + "\" has a control character in it");
    if (c == '"' || c == '\\') text += '\\';
    text += c;
  }
  return text + "\"";
}

std::string host_and_port(const HttpsUrl& url) {
  const auto place = url.origin().substr(std::string_view("https://").size());
  return place.find(':', place.rfind(']') == std::string::npos ? 0 : place.rfind(']')) == std::string::npos
             ? place + ":443"
             : place;
}

std::map<std::string, std::string> values_of(const NginxSetup& setup) {
  return {{"name", setup.name},
          {"subject", toml_text(setup.subject)},
          {"upstream", setup.upstream.origin()},
          {"upstream-place", host_and_port(setup.upstream)},
          {"port", std::to_string(setup.echo_port)},
          {"next-port", std::to_string(setup.echo_port + 1)},
          {"live", (setup.live / setup.name).string()}};
}

}  // namespace

TextFile main_configuration(const HttpsUrl& ca, const Fingerprint& root) {
  return {everleaf_directory / "everleaf.toml", filled(origin + R"([ca]
url = "@url@"
fingerprint = "@root@"
)",
                                                       {{"url", ca.origin()}, {"root", root.hex()}})};
}

TextFile proxy_configuration() {
  return {everleaf_directory / "conf.d" / "proxy-nginx.toml", origin + R"([proxy.nginx]
reload = { systemd = "nginx.service" }
)"};
}

TextFile certificate_configuration(const NginxSetup& setup) {
  return {everleaf_directory / "conf.d" / (setup.name + ".toml"), filled(origin + R"([certificate.@name@]
subject = @subject@
used-by = ["nginx"]
probe = { proxy = "nginx", echo = "http://127.0.0.1:@port@/everleaf/@name@", upstream = "@upstream-place@" }
)",
                                                                         values_of(setup))};
}

TextFile location_snippet(const NginxSetup& setup) {
  return {nginx_directory / "snippets" / ("everleaf-" + setup.name + ".conf"),
          filled(origin + R"(proxy_pass                    @upstream@;
proxy_ssl_certificate         @live@/tls.crt;
proxy_ssl_certificate_key     @live@/tls.key;
proxy_ssl_trusted_certificate @live@/ca.crt;
proxy_ssl_verify              on;
proxy_ssl_verify_depth        2;
proxy_ssl_server_name         on;
proxy_ssl_protocols           TLSv1.2 TLSv1.3;
)",
                 values_of(setup))};
}

TextFile echo_servers(const NginxSetup& setup) {
  return {nginx_directory / "conf.d" / ("everleaf-" + setup.name + ".conf"), filled(origin + R"(server {
    listen 127.0.0.1:@port@;
    access_log off;
    location = /everleaf/@name@ {
        proxy_pass                https://127.0.0.1:@next-port@;
        proxy_ssl_certificate     @live@/tls.crt;
        proxy_ssl_certificate_key @live@/tls.key;
        proxy_ssl_session_reuse   off;
        proxy_set_header          X-Worker $pid;
    }
}
server {
    listen 127.0.0.1:@next-port@ ssl;
    access_log off;
    ssl_certificate           @live@/tls.crt;
    ssl_certificate_key       @live@/tls.key;
    ssl_verify_client         optional_no_ca;
    ssl_session_tickets       off;
    location / { return 200 "$ssl_client_serial $ssl_client_fingerprint $http_x_worker\n"; }
}
)",
                                                                                    values_of(setup))};
}

TextFile polkit_rule() { return {"/etc/polkit-1/rules.d/49-everleaf.rules", polkit_rule_text}; }

}  // namespace everleaf::cli
