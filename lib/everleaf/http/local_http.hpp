// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include <everleaf/http/http_client.hpp>

namespace everleaf {

// One request in the clear to who listens at a Unix socket. Any status is a response; 64 MiB of body at most. Throws
// missing if nobody listens there, connection if we may not or it goes away, timed_out after `limit`.
HttpResponse ask_local(const std::filesystem::path& socket, const std::string& method, const std::string& path,
                       std::chrono::milliseconds limit = std::chrono::seconds(10));

}  // namespace everleaf
