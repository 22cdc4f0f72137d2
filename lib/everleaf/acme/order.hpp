// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <everleaf/acme/client.hpp>
#include <everleaf/acme/responder.hpp>
#include <everleaf/time/time.hpp>
#include <everleaf/x509/certificate.hpp>
#include <everleaf/x509/certificate_request.hpp>

namespace everleaf::acme {

// A certificate to order. Not every CA lets its dates be chosen.
struct Wish {
  std::vector<Name> names;
  std::optional<Time> not_before{};
  std::optional<Time> not_after{};
};

// Throws usage for a name that http-01 cannot prove: a wildcard, an e-mail address, a URI.
void require_provable(const std::vector<Name>& names);

// Orders a certificate for `request`, proves by http-01 that the names are ours, and answers the new chain, leaf first,
// judged by nobody yet. The client must have an account. Throws what Client throws; refused, with the CA's reason, if
// it could not see the proof.
std::vector<Certificate> order_certificate(Client& client, const Wish& wish, const CertificateRequest& request,
                                           Responder& responder);

}  // namespace everleaf::acme
