// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <stop_token>

#include <everleaf/http/url.hpp>
#include <everleaf/x509/certificate.hpp>

namespace everleaf {

// The certificate that a server at `place` shows to a new client who asks for its name: for the endpoint's, or, where
// that is an address, for the first name of `wanted`. Who that server is is not checked, and nothing is sent to it.
// Throws what HttpClient throws.
Certificate served_leaf(const Endpoint& place, const Certificate& wanted, std::chrono::milliseconds limit,
                        std::stop_token stop);

}  // namespace everleaf
