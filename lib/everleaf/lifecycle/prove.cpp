// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/prove.hpp>

#include <algorithm>

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
constexpr milliseconds shortest_question{250};  // what many others leave to one

class Proof {
 public:
  Proof(std::optional<milliseconds> reloaded, milliseconds limit, std::stop_token stop)
      : reloaded_(reloaded), end_(Clock::now() + limit), stop_(std::move(stop)), stopped_(stop_) {}

  bool is_over() const { return Clock::now() >= end_; }
  bool is_ending() const { return Clock::now() + ask_every >= end_; }

  // What is wrong now; nothing if all is well. `others` are to be asked after it, and need time as well.
  std::optional<std::string> look(const Exhibit& exhibit, std::size_t others) const try {
    const auto until = end_of_look(others);
    auto found = exhibit.probe.echo ? look_at_echo(*exhibit.probe.echo, exhibit.leaf, until) : std::nullopt;
    if (!found && exhibit.probe.tls) found = look_at_server(*exhibit.probe.tls, exhibit.leaf, until);
    return found;
  } catch (const Error& error) {  // an answer that does not come may come the next time
    if (error.kind() == ErrorKind::cancelled) throw;
    return error.what();
  }

  // False when the time is over.
  bool wait() const {
    if (is_ending()) return false;
    if (stopped_.requested_within(ask_every)) throw Error(ErrorKind::cancelled, "stopped while it was proven");
    return true;
  }

 private:
  Clock::time_point end_of_look(std::size_t others) const {
    const auto now = Clock::now();
    const auto share = (end_ - now) / static_cast<Clock::rep>(others + 1);
    return std::min(end_, now + std::clamp<Clock::duration>(share, shortest_question, longest_question));
  }

  static milliseconds time_until(Clock::time_point end) {
    return std::max(milliseconds(1), std::chrono::ceil<milliseconds>(end - Clock::now()));
  }

  std::optional<std::string> look_at_echo(const LoopbackUrl& url, const Certificate& leaf,
                                          Clock::time_point until) const {
    const auto found = objection(ask_echo(url, time_until(until), stop_), leaf, reloaded_);
    return found ? std::optional(url.text() + ": " + *found) : std::nullopt;
  }

  std::optional<std::string> look_at_server(const Endpoint& place, const Certificate& leaf,
                                            Clock::time_point until) const {
    const auto seen = served_leaf(place, leaf, time_until(until), stop_);
    if (seen == leaf) return std::nullopt;
    return place.text() + ": it serves serial " + seen.serial_hex() + " instead of " + leaf.serial_hex();
  }

  std::optional<milliseconds> reloaded_;
  Clock::time_point end_;
  std::stop_token stop_;
  StopEvent stopped_;
};

// An exhibit that was not seen often enough so far.
struct Question {
  Exhibit exhibit;
  std::string found{};  // the last time; empty if all was well, or nobody asked
  int times = 0;        // seen in a row
};

void ask(Question& question, std::size_t others, const Proof& proof) {
  const auto found = proof.look(question.exhibit, others);
  question.times = found ? 0 : question.times + 1;
  if (found && !question.found.empty() && proof.is_ending()) return;  // what was cut short tells less
  question.found = found.value_or("");
}

}  // namespace

std::vector<Unproven> prove(std::vector<Exhibit> exhibits, std::optional<milliseconds> reloaded, milliseconds limit,
                            std::stop_token stop) {
  const Proof proof(reloaded, limit, std::move(stop));
  std::vector<Question> open;
  for (auto& exhibit : exhibits) open.push_back({std::move(exhibit)});
  do {
    for (std::size_t i = 0; i < open.size() && !proof.is_over(); ++i) ask(open[i], open.size() - i - 1, proof);
    std::erase_if(open, [](const Question& question) { return question.times == times_in_a_row; });
  } while (!open.empty() && proof.wait());
  std::vector<Unproven> unproven;
  for (const auto& [exhibit, found, times] : open)
    if (times == 0)
      unproven.push_back({exhibit.probe.certificate, found.empty() ? "there was no time left to ask for it" : found});
  return unproven;
}

}  // namespace everleaf
