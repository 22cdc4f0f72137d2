// SPDX-License-Identifier: Apache-2.0
#include "agent/workers.hpp"

#include <boost/asio/post.hpp>

namespace everleaf::agent {

ThreadWorkers::ThreadWorkers(boost::asio::io_context& loop, std::size_t threads)
    : loop_(loop), threads_(threads), pool_(threads) {}

ThreadWorkers::~ThreadWorkers() { pool_.join(); }

void ThreadWorkers::run(std::function<Completion()> work) {
  const auto begun = begun_.insert(std::chrono::steady_clock::now());
  boost::asio::post(pool_, [this, begun, work = std::move(work)] {
    auto completion = work();
    boost::asio::post(loop_, [this, begun, completion = std::move(completion)] {
      begun_.erase(begun);
      completion();
    });
  });
}

std::optional<std::chrono::steady_clock::time_point> ThreadWorkers::busy_since() const {
  if (begun_.empty()) return std::nullopt;
  return *begun_.begin();
}

}  // namespace everleaf::agent
