// SPDX-License-Identifier: Apache-2.0
#include <everleaf/files/file.hpp>

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <thread>

#include <everleaf/error/error.hpp>
#include <everleaf/files/lock.hpp>
#include <everleaf/files/streams.hpp>
#include <tests/support/failure.hpp>
#include <tests/support/temporary_directory.hpp>

using namespace everleaf;
using namespace everleaf::testing;
using namespace std::chrono_literals;

namespace {

ErrorKind kind_of_failure(const std::filesystem::path& path) {
  return failure([&] { read_file(path); }).kind();
}

}  // namespace

TEST_CASE("a file is read whole, as bytes") {
  const TemporaryDirectory directory;
  const std::string contents("a\0b\r\n\xff", 6);
  CHECK(read_file(write(directory / "file", contents)) == contents);
  CHECK(read_file(write(directory / "empty", "")).empty());
  CHECK(read_file_if_present(directory / "file") == contents);
  CHECK_FALSE(read_file_if_present(directory / "none"));
  CHECK(kind_of_failure(directory / "none") == ErrorKind::missing);
}

TEST_CASE("what is not a regular file is not read, and does not hang us") {
  const TemporaryDirectory directory;
  REQUIRE(::mkfifo((directory / "fifo").c_str(), 0600) == 0);
  CHECK(kind_of_failure(directory / "fifo") == ErrorKind::storage);
  CHECK(kind_of_failure(directory.path()) == ErrorKind::storage);
  CHECK(kind_of_failure("/dev/zero") == ErrorKind::storage);
}

TEST_CASE("a file is read up to a limit, also one that does not know its size") {
  const TemporaryDirectory directory;
  const auto path = write(directory / "file", "12345678");
  CHECK(read_file(path, 8) == "12345678");
  CHECK_THROWS_AS(read_file(path, 7), Error);
  CHECK(read_file("/proc/self/status").starts_with("Name:"));
  CHECK_THROWS_AS(read_file("/proc/self/status", 20), Error);
}

TEST_CASE("a secret ends before its trailing white space") {
  const TemporaryDirectory directory;
  CHECK(read_secret(write(directory / "password", " pass word \t\r\n\n")).reveal() == " pass word");
  CHECK(read_secret(write(directory / "password", "\n")).empty());
}

TEST_CASE("removing a missing file is no error, removing a directory is") {
  const TemporaryDirectory directory;
  const auto path = write(directory / "file", "");
  remove_file(path);
  CHECK_FALSE(std::filesystem::exists(path));
  remove_file(path);
  CHECK_THROWS_AS(remove_file(directory.path()), Error);
}

TEST_CASE("a lock is held once, by file or by directory") {
  const TemporaryDirectory directory;
  for (const auto& path : {directory / "lock", directory.path()}) {
    {
      const auto held = Lock::try_acquire(path);
      REQUIRE(held);
      CHECK_FALSE(Lock::try_acquire(path));
    }
    CHECK(Lock::try_acquire(path));
  }
  CHECK(mode_of(directory / "lock") == 0600);
}

TEST_CASE("waiting for a lock ends with the lock, the limit or a stop") {
  const TemporaryDirectory directory;
  const auto path = directory / "lock";
  auto held = Lock::try_acquire(path);
  const auto kind = [&](std::stop_token stop, std::chrono::milliseconds limit) {
    return failure([&] { Lock::acquire(path, stop, limit); }).kind();
  };
  CHECK(kind({}, 10ms) == ErrorKind::timed_out);
  std::stop_source stop;
  const std::jthread stopping([&] { stop.request_stop(); });
  CHECK(kind(stop.get_token(), 1h) == ErrorKind::cancelled);
  const std::jthread releasing([&] { held.reset(); });
  Lock::acquire(path, {}, 1h);
}

TEST_CASE("a lock is not made through a symbolic link, and its directory must be there") {
  const TemporaryDirectory directory;
  std::filesystem::create_symlink("elsewhere", directory / "link");
  CHECK_THROWS_AS(Lock::try_acquire(directory / "link"), Error);
  CHECK_THROWS_AS(Lock::try_acquire(directory / "none/lock"), Error);
  CHECK_FALSE(std::filesystem::exists(directory / "elsewhere"));
}

TEST_CASE("what a user names is read from pipes and devices, too") {
  const TemporaryDirectory directory;
  const auto fifo = directory / "fifo";
  REQUIRE(::mkfifo(fifo.c_str(), 0600) == 0);
  std::thread writer([&] { write(fifo, "secret\n"); });
  CHECK(read_secret_input(fifo).reveal() == "secret");
  writer.join();
  CHECK(read_input("/dev/null").empty());
  CHECK(failure([&] { read_input("/dev/zero"); }).kind() == ErrorKind::storage);
  CHECK(failure([&] { read_input(directory.path()); }).kind() == ErrorKind::storage);
  CHECK(failure([&] { read_input(directory / "none"); }).kind() == ErrorKind::missing);
  CHECK(is_stream(fifo));
  CHECK_FALSE(is_stream(directory.path()));
}
