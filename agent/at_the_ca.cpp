// SPDX-License-Identifier: Apache-2.0
#include "agent/at_the_ca.hpp"

#include <everleaf/error/error.hpp>

namespace everleaf::agent {

AtTheCa::Visit AtTheCa::enter(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  if (!left_.wait(lock, std::move(stop), [this] { return room_ > 0; }))
    throw Error(ErrorKind::cancelled, "stopped while others were talking to the CA");
  --room_;
  return Visit(this);
}

void AtTheCa::leave() {
  {
    const std::lock_guard lock(mutex_);
    ++room_;
  }
  left_.notify_one();
}

}  // namespace everleaf::agent
