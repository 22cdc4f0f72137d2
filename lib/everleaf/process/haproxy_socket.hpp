// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include <everleaf/secret/secret.hpp>

namespace everleaf {

// What HAProxy is to use for one of its certificates.
struct HaproxyCertificate {
  std::string name;                   // as HAProxy knows it: the path in its configuration
  Secret pem;                         // leaf, intermediates and key
  std::string sha1;                   // of the leaf: 40 hex digits
  std::string ca_file;                // the authorities that go with it, should HAProxy have such a file
  std::vector<std::string> ca_sha1s;  // of each of them
};

// Whether HAProxy's command line can take `name`: a blank would end it, and a semicolon begin another command.
bool is_haproxy_name(const std::string& name);

// Replaces certificates in a running HAProxy through its runtime API ("set ssl cert", management guide, section 9.3),
// and sees that they are in use: no reload, the process stays. What is in use already is left alone. Each is a
// transaction, aborted if anything about it fails; one that is refused does not keep the others from being replaced.
// HAProxy has one transaction at a time: what a killed run left of one for `certificates` is aborted, somebody else's
// is respected. Throws rejected if HAProxy looked at one of them and said no; hook if it answered anything else, if it
// is not done after `limit`, or if HAProxy has to be reloaded for its authorities; cancelled when `stop` is requested.
void update_haproxy(const std::filesystem::path& socket, const std::vector<HaproxyCertificate>& certificates,
                    std::chrono::milliseconds limit, std::stop_token stop);

}  // namespace everleaf
