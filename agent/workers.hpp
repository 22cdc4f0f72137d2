// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <set>

namespace everleaf::agent {

// Runs on the loop what a piece of work came to.
using Completion = std::function<void()>;

// Where blocking work is done. Values go over in the work, values come back in its completion.
class Workers {
 public:
  virtual ~Workers() = default;
  virtual bool has_room() const = 0;
  // `work` runs elsewhere; what it returns runs on the loop. It must not throw.
  virtual void run(std::function<Completion()> work) = 0;
};

// A fixed number of threads beside an Asio loop. Destroyed, it waits for the work that is under way.
class ThreadWorkers : public Workers {
 public:
  ThreadWorkers(boost::asio::io_context& loop, std::size_t threads);
  ~ThreadWorkers() override;

  bool has_room() const override { return begun_.size() < threads_; }
  void run(std::function<Completion()> work) override;
  // Since when the oldest work is under way.
  std::optional<std::chrono::steady_clock::time_point> busy_since() const;

 private:
  boost::asio::io_context& loop_;
  std::size_t threads_;
  std::multiset<std::chrono::steady_clock::time_point> begun_;  // of what is under way; belongs to the loop
  boost::asio::thread_pool pool_;
};

}  // namespace everleaf::agent
