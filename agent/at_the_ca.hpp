// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <stop_token>

namespace everleaf::agent {

// How many may talk to the CA at a time.
class AtTheCa {
  struct Leave {
    void operator()(AtTheCa* ca) const { ca->leave(); }
  };

 public:
  explicit AtTheCa(std::size_t most) : room_(most) {}

  using Visit = std::unique_ptr<AtTheCa, Leave>;  // over when it is destroyed
  // Waits until there is room. Throws cancelled if `stop` is requested before.
  Visit enter(std::stop_token stop);

 private:
  void leave();

  std::mutex mutex_;
  std::condition_variable_any left_;
  std::size_t room_;
};

}  // namespace everleaf::agent
