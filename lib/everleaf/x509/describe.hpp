// SPDX-License-Identifier: Apache-2.0
// Certificates and requests for people and for programs, in the forms of `step certificate inspect`. Nothing here says
// that what is shown can be trusted. Other people's words in it are escaped.
#pragma once

#include <string>
#include <vector>

#include <everleaf/x509/certificate.hpp>
#include <everleaf/x509/certificate_request.hpp>

namespace everleaf {

// In full, much as OpenSSL prints it; the layout is that of smallstep/certinfo, certinfo.go.
std::string describe(const Certificate& certificate);
std::string describe(const CertificateRequest& request);

// Who, by whom, until when; the layout is that of smallstep/certinfo, certformat.go.
std::string describe_shortly(const Certificate& certificate);
std::string describe_shortly(const CertificateRequest& request);

// One JSON object with the members of zcrypto's; of several certificates an array.
std::string describe_in_json(const std::vector<Certificate>& certificates);
// The same members, as far as a request has them.
std::string describe_in_json(const CertificateRequest& request);

}  // namespace everleaf
