// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <everleaf/http/url.hpp>
#include <everleaf/x509/fingerprint.hpp>

namespace everleaf::cli {

// What "setup nginx" is told.
struct NginxSetup {
  std::string name;  // of the certificate
  std::string subject;
  HttpsUrl upstream;
  unsigned echo_port;          // and the one above it
  std::filesystem::path live;  // the directory in which nginx finds the certificate
};

struct TextFile {
  std::filesystem::path path;
  std::string contents;
};

// docs/nginx.md explains each line of what these write; the package puts it where they say.
TextFile main_configuration(const HttpsUrl& ca, const Fingerprint& root);
TextFile proxy_configuration();
TextFile certificate_configuration(const NginxSetup& setup);
TextFile location_snippet(const NginxSetup& setup);
TextFile echo_servers(const NginxSetup& setup);
TextFile polkit_rule();

}  // namespace everleaf::cli
