// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.hpp"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include <everleaf/files/file.hpp>
#include <everleaf/files/streams.hpp>
#include "cli/report.hpp"

namespace everleaf::cli {
namespace {

bool has_colour() { return isatty(STDERR_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr; }

constexpr char interrupt = 3;  // Ctrl-C

// The controlling terminal, whatever stdin and stderr are; nothing if there is none.
class Terminal {
 public:
  Terminal() : descriptor_(open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {}
  bool is_there() const { return descriptor_.get() >= 0; }
  int descriptor() const { return descriptor_.get(); }

  void show(const std::string& text) const { static_cast<void>(!write(descriptor_.get(), text.data(), text.size())); }

  // Throws cancelled if there is none: Ctrl-D, or the terminal was closed.
  Secret read_line() const {
    std::string line;
    for (char c = 0; c != interrupt; line += c) {
      const bool ended = read(descriptor_.get(), &c, 1) != 1;
      if (ended && line.empty()) throw Error(ErrorKind::cancelled, "there was no answer");
      if (ended || c == '\n') break;
    }
    return Secret(std::move(line));
  }

 private:
  Descriptor descriptor_;
};

// Typing is not shown while this lives. Ctrl-C ends a line then: were it a signal, nobody would be left to undo this.
class Silence {
 public:
  explicit Silence(int terminal) : terminal_(terminal) {
    tcgetattr(terminal_, &before_);
    termios silent = before_;
    silent.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
    silent.c_cc[VEOL] = interrupt;
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
    if (is_output_stream(file)) continue;  // nothing is lost
    if (existing == ExistingFiles::replace || !std::filesystem::exists(std::filesystem::symlink_status(file))) continue;
    if (!Terminal().is_there())
      throw Error(ErrorKind::conflict, file.string() + " exists, and there is no terminal to ask",
                  "--force replaces it");
    if (!ask_yes_or_no("Would you like to overwrite " + escape(file.string()), "--force replaces it"))
      throw Error(ErrorKind::conflict, file.string() + " exists and was left as it is");
  }
}

bool has_terminal() { return Terminal().is_there(); }

std::size_t ask_choice(const std::string& question, const std::vector<std::string>& choices, const std::string& hint) {
  const Terminal terminal;
  if (!terminal.is_there()) throw Error(ErrorKind::usage, "there is no terminal to ask: " + question, hint);
  for (std::size_t i = 0; i < choices.size(); ++i)
    terminal.show("  " + std::to_string(i + 1) + "  " + escape(choices[i], 400) + "\n");
  terminal.show(question + " [1-" + std::to_string(choices.size()) + "]: ");
  const auto answer = terminal.read_line();
  const auto text = answer.reveal();
  std::size_t number = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), number).ptr != text.data() + text.size() || number < 1 ||
      number > choices.size())
    throw Error(ErrorKind::usage, "nothing was chosen", hint);
  return number - 1;
}

bool ask_yes_or_no(const std::string& question, const std::string& hint) {
  const Terminal terminal;
  if (!terminal.is_there()) throw Error(ErrorKind::usage, "there is no terminal to ask: " + question, hint);
  while (true) {
    terminal.show(question + " [y/n]: ");
    const auto line = terminal.read_line();
    auto answer = CLI::detail::to_lower(std::string(line.reveal()));
    CLI::detail::trim(answer);
    if (answer == "y" || answer == "yes") return true;
    if (answer == "n" || answer == "no") return false;
  }
}

Secret ask_password(const std::string& prompt, const std::string& hint) {
  const Terminal terminal;
  if (!terminal.is_there())
    throw Error(ErrorKind::usage, "a password is needed, and there is no terminal to ask", hint);
  Secret password;
  {
    const Silence silence(terminal.descriptor());  // before it asks: who types at once is not shown either
    terminal.show(prompt + ": ");
    password = terminal.read_line();
    terminal.show("\n");
  }
  if (!password.reveal().ends_with(interrupt)) return password;
  static_cast<void>(std::raise(SIGINT));
  throw Error(ErrorKind::cancelled, "interrupted");
}

Secret ask_new_password(const std::string& prompt, const std::string& hint) {
  while (true) {
    if (auto password = ask_password(prompt, hint); !password.empty()) return password;
    Terminal().show("it is empty\n");
  }
}

}  // namespace everleaf::cli
