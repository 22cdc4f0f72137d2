// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include <everleaf/x509/certificate_request.hpp>
#include <everleaf/x509/tls_credentials.hpp>

namespace everleaf {

// A certificate that begins this much after our now is still taken: clocks differ.
inline constexpr std::chrono::minutes clock_skew_allowance{5};

// What was asked for.
struct ExpectedCertificate {
  PrivateKey key;
  std::vector<Name> names;                       // all of them must be in it; templates of the CA may add more
  std::optional<Certificate> replaces;           // a renewal: same names and usages, and a later end
  std::optional<std::chrono::seconds> lifetime;  // not shorter than this
};

// Why `chain` is not what was asked for, each reason a line for people; empty if it is. Looked at: key, names, usages,
// dates, that it is no CA, that the chain is whole, in order, and leads to one of `roots`.
std::vector<std::string> reasons_against(const std::vector<Certificate>& chain, const ExpectedCertificate& expected,
                                         const TrustAnchors& roots, Time now);

// The chain with its key, if nothing speaks against it; throws wrong_certificate with the reasons.
Identity accept(std::vector<Certificate> chain, const ExpectedCertificate& expected, const TrustAnchors& roots,
                Time now);

// The same for a request whose key somebody else keeps: its key, and all of its names.
std::vector<Certificate> accept(std::vector<Certificate> chain, const CertificateRequest& request,
                                std::optional<std::chrono::seconds> lifetime, const TrustAnchors& roots, Time now);

}  // namespace everleaf
