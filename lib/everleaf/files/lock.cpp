// SPDX-License-Identifier: Apache-2.0
#include <everleaf/files/lock.hpp>

#include <sys/file.h>

#include <condition_variable>
#include <mutex>

#include <everleaf/files/system_calls.hpp>

namespace everleaf {
namespace {

using namespace std::chrono_literals;

Descriptor open_lock(const std::filesystem::path& path) {
  constexpr int flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  auto file = open_path(path, flags);  // O_CREAT refuses a directory
  if (!file.is_open() && errno == ENOENT) file = open_path(path, flags | O_CREAT, 0600);
  if (!file.is_open()) throw file_error("lock", path, errno);
  return file;
}

bool try_lock(const Descriptor& file, const std::filesystem::path& path) {
  if (uninterrupted([&] { return ::flock(file.get(), LOCK_EX | LOCK_NB); }) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  throw file_error("lock", path, errno);
}

// Until `stop` is requested, at most for `time`.
void pause(std::stop_token stop, std::chrono::milliseconds time) {
  std::mutex mutex;
  std::unique_lock lock(mutex);
  std::condition_variable_any().wait_for(lock, std::move(stop), time, [] { return false; });
}

}  // namespace

std::optional<Lock> Lock::try_acquire(const std::filesystem::path& path) {
  auto file = open_lock(path);
  if (!try_lock(file, path)) return std::nullopt;
  return Lock(std::move(file));
}

// By asking again and again: a blocking flock(2) can be ended by signals only, and a stop is not one.
Lock Lock::acquire(const std::filesystem::path& path, std::stop_token stop, std::chrono::milliseconds limit) {
  const auto end = std::chrono::steady_clock::now() + limit;
  auto file = open_lock(path);
  while (!try_lock(file, path)) {
    if (stop.stop_requested())
      throw Error(ErrorKind::cancelled, "stopped while waiting for the lock on " + path.string());
    if (std::chrono::steady_clock::now() >= end)
      throw Error(ErrorKind::timed_out, "cannot lock " + path.string() + ": another process holds it",
                  "find it with \"fuser " + path.string() + "\"");
    pause(stop, 20ms);
  }
  return Lock(std::move(file));
}

}  // namespace everleaf
