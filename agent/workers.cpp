// SPDX-License-Identifier: Apache-2.0
#include "agent/workers.hpp"

#include <boost/asio/post.hpp>

namespace everleaf::agent {

ThreadWorkers::ThreadWorkers(boost::asio::io_context& loop, std::size_t threads)
    : loop_(loop), threads_(threads), pool_(threads) {}

ThreadWorkers::~ThreadWorkers() { pool_.join(); }

void ThreadWorkers::run(std::function<Completion()> work) {
  ++running_;
  boost::asio::post(pool_, [this, work = std::move(work)] {
    auto completion = work();
    boost::asio::post(loop_, [this, completion = std::move(completion)] {
      --running_;
      completion();
    });
  });
}

}  // namespace everleaf::agent
