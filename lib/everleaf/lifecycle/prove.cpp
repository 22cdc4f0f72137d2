// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/prove.hpp>

#include <algorithm>
#include <map>

#include <everleaf/error/error.hpp>
#include <everleaf/probe/echo.hpp>
#include <everleaf/probe/served_leaf.hpp>
#include <everleaf/process/stop_event.hpp>

namespace everleaf {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr milliseconds ask_every{50};
constexpr int times_in_a_row = 3;  // old workers answer in between for 0.1 s
constexpr milliseconds longest_question{5000};

class Proof {
 public:
  Proof(std::optional<milliseconds> reloaded, milliseconds limit, std::stop_token stop)
      : reloaded_(reloaded),
        time_for_a_question_(std::min(limit, longest_question)),
        end_(Clock::now() + limit),
        stop_(std::move(stop)),
        stopped_(stop_) {}

  // What is wrong now; nothing if all is well.
  std::optional<std::string> look(const Exhibit& exhibit) const try {
    auto found = exhibit.probe.echo ? look_at_echo(*exhibit.probe.echo, exhibit.leaf) : std::nullopt;
    if (!found && exhibit.probe.tls) found = look_at_server(*exhibit.probe.tls, exhibit.leaf);
    return found;
  } catch (const Error& error) {  // an answer that does not come may come the next time
    if (error.kind() == ErrorKind::cancelled) throw;
    return error.what();
  }

  // False when the time is over.
  bool wait() const {
    if (Clock::now() + ask_every >= end_) return false;
    if (stopped_.requested_within(ask_every)) throw Error(ErrorKind::cancelled, "stopped while it was proven");
    return true;
  }

 private:
  std::optional<std::string> look_at_echo(const LoopbackUrl& url, const Certificate& leaf) const {
    const auto found = objection(ask_echo(url, time_for_a_question_, stop_), leaf, reloaded_);
    return found ? std::optional(url.text() + ": " + *found) : std::nullopt;
  }

  std::optional<std::string> look_at_server(const Endpoint& place, const Certificate& leaf) const {
    const auto seen = served_leaf(place, leaf, time_for_a_question_, stop_);
    if (seen == leaf) return std::nullopt;
    return place.text() + ": it serves serial " + seen.serial_hex() + " instead of " + leaf.serial_hex();
  }

  std::optional<milliseconds> reloaded_;
  milliseconds time_for_a_question_;
  Clock::time_point end_;
  std::stop_token stop_;
  StopEvent stopped_;
};

}  // namespace

std::vector<Unproven> prove(std::vector<Exhibit> exhibits, std::optional<milliseconds> reloaded, milliseconds limit,
                            std::stop_token stop) {
  const Proof proof(reloaded, limit, std::move(stop));
  std::map<std::string, int> seen;  // in a row
  std::vector<Unproven> unproven;
  do {
    unproven.clear();
    std::erase_if(exhibits, [&](const Exhibit& exhibit) {
      auto& times = seen[exhibit.probe.certificate];
      const auto found = proof.look(exhibit);
      times = found ? 0 : times + 1;
      if (found) unproven.push_back({exhibit.probe.certificate, *found});
      return times == times_in_a_row;
    });
  } while (!exhibits.empty() && proof.wait());
  return unproven;
}

}  // namespace everleaf
