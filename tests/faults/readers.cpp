// SPDX-License-Identifier: Apache-2.0
// What readers see while a live directory is swapped again and again: readers SWAPS
//
// Three kinds, each in a thread of its own, read until the swaps are over: certificate and key through one held
// directory, the combined file, certificate and key by two opens of a path (as nginx does). Each file has the number of
// its generation in each line, and as many lines as every other. Prints a row a kind; status 1 if a promise was broken.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <optional>
#include <string>
#include <thread>

#include <everleaf/files/file.hpp>
#include <everleaf/files/live_directory.hpp>
#include <tests/support/temporary_directory.hpp>

using namespace everleaf;
using namespace everleaf::testing;

namespace {

constexpr int lines = 60;  // about as long as a chain

std::string contents_of(unsigned long generation) {
  std::string text;
  for (int i = 0; i < lines; ++i) text += std::to_string(generation + 1'000'000'000) + " of a certificate\n";
  return text;
}

void deliver(LiveDirectory& live, unsigned long generation) {
  const auto text = contents_of(generation);
  live.stage({{"tls.crt", file_mode::certificate, text},
              {"tls.key", file_mode::private_key, text},
              {"tls.pem", file_mode::private_key, text + text}});
  live.exchange();
}

struct Seen {
  const char* how;
  bool may_be_mixed = false;
  unsigned long reads = 0, empty = 0, cut = 0, mixed = 0, again = 0;

  bool is_kept() const { return reads > 0 && empty == 0 && cut == 0 && (may_be_mixed || mixed == 0); }
};

// Nothing if there is no such file: the generation that was held was removed meanwhile.
std::optional<std::string> read_at(int directory, const char* name) {
  const Descriptor file(::openat(directory, name, O_RDONLY | O_CLOEXEC));
  if (!file.is_open()) {
    if (errno == ENOENT) return std::nullopt;
    std::perror(name);
    std::exit(2);
  }
  std::string text;
  std::array<char, 4096> buffer;
  for (ssize_t count = 1; count > 0;) {
    count = ::read(file.get(), buffer.data(), buffer.size());
    if (count > 0) text.append(buffer.data(), static_cast<std::size_t>(count));
  }
  return text;
}

void judge(const std::optional<std::string>& text, Seen& seen) {
  if (!text) {
    ++seen.again;
    return;
  }
  ++seen.reads;
  static const auto line = contents_of(0).size() / lines;
  if (text->empty()) {
    ++seen.empty;
  } else if (text->size() != 2 * lines * line) {
    ++seen.cut;
  } else {
    for (std::size_t at = line; at < text->size(); at += line)
      if (text->compare(at, line, *text, 0, line) != 0) {
        ++seen.mixed;
        return;
      }
  }
}

std::optional<std::string> both(const std::optional<std::string>& one, const std::optional<std::string>& other) {
  if (!one || !other) return std::nullopt;
  return one->empty() || other->empty() ? std::string() : *one + *other;
}

}  // namespace

int main(int count, char** arguments) {
  const unsigned long swaps = count > 1 ? std::strtoul(arguments[1], nullptr, 10) : 100'000;
  const TemporaryDirectory parent(memory());
  LiveDirectory live(parent.path(), "api");
  deliver(live, 0);
  const auto path = parent / "api";
  std::atomic<bool> over = false;

  const auto held = [&] {
    const Descriptor directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return both(read_at(directory.get(), "tls.crt"), read_at(directory.get(), "tls.key"));
  };
  const auto combined = [&] { return read_at(AT_FDCWD, (path / "tls.pem").c_str()); };
  const auto two_opens = [&] {
    return both(read_at(AT_FDCWD, (path / "tls.crt").c_str()), read_at(AT_FDCWD, (path / "tls.key").c_str()));
  };
  Seen seen[] = {{"holding the directory"}, {"the combined file"}, {"two opens", true}};
  {
    const auto read_on = [&](const std::function<std::optional<std::string>()>& read, Seen& result) {
      while (!over) judge(read(), result);
    };
    const std::jthread readers[] = {std::jthread([&] { read_on(held, seen[0]); }),
                                    std::jthread([&] { read_on(combined, seen[1]); }),
                                    std::jthread([&] { read_on(two_opens, seen[2]); })};
    for (unsigned long generation = 1; generation <= swaps; ++generation) deliver(live, generation);
    over = true;
  }
  std::printf("%-24s %10s %8s %8s %8s %8s   after %lu swaps\n", "read", "reads", "empty", "cut", "mixed", "again",
              swaps);
  bool kept = true;
  for (const auto& one : seen) {
    std::printf("%-24s %10lu %8lu %8lu %8lu %8lu\n", one.how, one.reads, one.empty, one.cut, one.mixed, one.again);
    kept = kept && one.is_kept();
  }
  return kept ? 0 : 1;
}
