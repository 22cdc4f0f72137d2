// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.hpp"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <memory>

#include <everleaf/files/file.hpp>
#include "cli/report.hpp"

namespace everleaf::cli {
namespace {

bool has_colour() { return isatty(STDERR_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr; }

// The controlling terminal, whatever stdin and stderr are; nothing if there is none.
class Terminal {
 public:
  Terminal() : descriptor_(open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {}
  bool is_there() const { return descriptor_.get() >= 0; }
  int descriptor() const { return descriptor_.get(); }

  void show(const std::string& text) const { static_cast<void>(!write(descriptor_.get(), text.data(), text.size())); }

  Secret read_line() const {
    std::string line;
    for (char c = 0; read(descriptor_.get(), &c, 1) == 1 && c != '\n';) line += c;
    return Secret(std::move(line));
  }

 private:
  Descriptor descriptor_;
};

// Typing is not shown while this lives.
class Silence {
 public:
  explicit Silence(int terminal) : terminal_(terminal) {
    tcgetattr(terminal_, &before_);
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    tcsetattr(terminal_, TCSAFLUSH, &silent);
  }
  ~Silence() { tcsetattr(terminal_, TCSAFLUSH, &before_); }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  int terminal_;
  termios before_{};
};

}  // namespace

void show_error(const Error& error) {
  tell("error", error.what());
  if (!error.hint().empty()) tell("hint", error.hint());
  const bool colour = has_colour();
  std::fprintf(stderr, "everleaf: %serror:%s %s\n", colour ? "\033[31m" : "", colour ? "\033[0m" : "", error.what());
  if (!error.hint().empty())
    std::fprintf(stderr, "everleaf: %shint:%s %s\n", colour ? "\033[33m" : "", colour ? "\033[0m" : "",
                 error.hint().c_str());
}

void say(const std::string& line) {
  if (!wants_silence()) std::fprintf(stderr, "%s\n", escape(line, 8192).c_str());
}

void say_checked(std::string_view what, std::string_view value) {
  if (wants_silence()) return;
  const auto line = std::string(what) + ": " + escape(value, 4096);
  std::fprintf(stderr, "%s %s\n", has_colour() ? "\033[32m✔\033[0m" : "✔", line.c_str());
}

void require_replaceable(const std::vector<std::filesystem::path>& files, ExistingFiles existing) {
  for (const auto& file : files) {
    if (std::filesystem::is_directory(file)) throw Error(ErrorKind::conflict, file.string() + " is a directory");
    if (existing == ExistingFiles::replace || !std::filesystem::exists(std::filesystem::symlink_status(file))) continue;
    if (!Terminal().is_there())
      throw Error(ErrorKind::conflict, file.string() + " exists, and there is no terminal to ask",
                  "--force replaces it");
    if (!ask_yes_or_no("Would you like to overwrite " + escape(file.string()), "--force replaces it"))
      throw Error(ErrorKind::conflict, file.string() + " exists and was left as it is");
  }
}

bool ask_yes_or_no(const std::string& question, const std::string& hint) {
  const Terminal terminal;
  if (!terminal.is_there()) throw Error(ErrorKind::usage, "there is no terminal to ask: " + question, hint);
  terminal.show(question + " [y/n]: ");
  const auto answer = terminal.read_line();
  return answer.reveal() == "y" || answer.reveal() == "yes";
}

Secret ask_password(const std::string& prompt, const std::string& hint) {
  const Terminal terminal;
  if (!terminal.is_there())
    throw Error(ErrorKind::usage, "a password is needed, and there is no terminal to ask", hint);
  terminal.show(prompt + ": ");
  const Silence silence(terminal.descriptor());
  auto password = terminal.read_line();
  terminal.show("\n");
  return password;
}

}  // namespace everleaf::cli
