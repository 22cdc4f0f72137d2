// SPDX-License-Identifier: Apache-2.0
#include <everleaf/x509/verify.hpp>

#include <doctest/doctest.h>
#include <openssl/err.h>

#include <tests/support/test_data.hpp>

using namespace everleaf;
using namespace std::chrono;

namespace {

const Time now = sys_days{2026y / January / 2} + 20h;

std::vector<Certificate> chain(const std::vector<std::string>& names) {
  std::vector<Certificate> certificates;
  for (const auto& name : names)
    certificates.push_back(Certificate::from_pem(test_data("x509/" + name + ".crt"), name));
  return certificates;
}

std::string reason(const std::vector<std::string>& names, const std::string& root = "root", Time at = now) {
  const auto reasons = reasons_against_chain(chain(names), chain({root}), at);
  return reasons.empty() ? "" : reasons.front();
}

// The certificate with the last bit of its signature turned.
Certificate forged(const Certificate& certificate) {
  auto der = certificate.to_der();
  der.back() = static_cast<char>(der.back() ^ 1);
  return Certificate::from_der(der, "a forged certificate");
}

}  // namespace

TEST_CASE("a chain leads to its root") {
  CHECK(reason({"leaf", "intermediate"}) == "");
  CHECK(reason({"leaf", "intermediate", "root"}) == "");
  CHECK(reason({"leaf", "under_leaf", "intermediate"}) == "");  // what is not needed does not matter
}

TEST_CASE("a chain is good from its newest certificate's first second until its last") {
  const auto begin = sys_days{2026y / January / 2} + 15h + 4min + 5s;
  const auto end = sys_days{2026y / January / 3} + 15h + 5min + 5s;
  CHECK(reason({"leaf", "intermediate"}, "root", begin) == "");
  CHECK(reason({"leaf", "intermediate"}, "root", end - 1s) == "");
  CHECK(reason({"leaf", "intermediate"}, "root", begin - 1s) == "certificate is not yet valid (at \"myuser\")");
  CHECK(reason({"leaf", "intermediate"}, "root", end) == "certificate has expired (at \"myuser\")");
  CHECK(reason({"intermediate"}, "root", sys_days{2061y / January / 1}).starts_with("certificate has expired"));
}

TEST_CASE("an intermediate that is named is an anchor, and no root") {
  CHECK(reason({"leaf"}, "intermediate") == "");
  CHECK(root_of(chain({"leaf", "intermediate"}), chain({"intermediate", "root"}), now) == chain({"root"}).front());
  CHECK_FALSE(root_of(chain({"leaf", "intermediate"}), chain({"intermediate"}), now));
}

TEST_CASE("a chain that does not lead to the root says where it ends") {
  CHECK(reason({"leaf"}) == "unable to get local issuer certificate (at \"myuser\")");
  CHECK(reason({"leaf", "intermediate"}, "same_name_root") ==
        "unable to get local issuer certificate (at \"Test Intermediate\")");
  CHECK(reason({"leaf", "intermediate", "root"}, "same_name_root") ==
        "self-signed certificate in certificate chain (at \"Test Root\")");
  CHECK(reasons_against_chain(chain({"leaf", "intermediate"}), {}, now).size() == 1);
  CHECK(reasons_against_chain({}, chain({"root"}), now) == std::vector<std::string>{"there is no certificate"});
}

TEST_CASE("what a CA may not do is a reason against the chain") {
  CHECK(reason({"under_leaf", "leaf", "intermediate"}).starts_with("invalid CA certificate"));
  CHECK(reason({"too_deep", "second_intermediate", "intermediate"}).starts_with("path length constraint exceeded"));
  CHECK(reason({"outside", "constrained"}) == "permitted subtree violation (at \"outside\")");
}

TEST_CASE("a forged signature is found") {
  const auto leaf = forged(chain({"leaf"}).front());
  const auto intermediate = chain({"intermediate"}).front();
  CHECK(reasons_against_chain({leaf, intermediate}, chain({"root"}), now) ==
        std::vector<std::string>{"certificate signature failure (at \"myuser\")"});
  CHECK(ERR_peek_error() == 0);  // a leftover would be taken for the next connection's
}

TEST_CASE("a chain of step-ca leads to its root") {
  const auto leaf = parse_certificates(test_data("step/leaf.crt"), "the chain");
  const auto root = parse_certificates(test_data("step/root.crt"), "the root");
  CHECK(leaf.size() == 2);
  CHECK(reasons_against_chain(leaf, root, leaf.front().validity().not_before + 1h).empty());
}
