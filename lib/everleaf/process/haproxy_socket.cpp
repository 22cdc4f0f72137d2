// SPDX-License-Identifier: Apache-2.0
#include <everleaf/process/haproxy_socket.hpp>

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <cstring>
#include <optional>
#include <sstream>
#include <system_error>

#include <everleaf/error/error.hpp>
#include <everleaf/files/file.hpp>
#include <everleaf/process/stop_event.hpp>
#include <everleaf/time/time.hpp>

namespace everleaf {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::size_t longest_list = 1 << 20;  // 10,000 certificates with paths of 100 characters
constexpr auto time_to_abort = 1000ms;

std::string in_quotes(const std::string& foreign) { return "\"" + escape(foreign, 300) + "\""; }

Error refusal(const std::string& what, std::string hint = {}) { return Error(ErrorKind::hook, what, std::move(hint)); }

std::string words(int error_number) { return std::generic_category().message(error_number); }

// One command and its answer: HAProxy closes the connection behind it.
class Exchange {
 public:
  Exchange(const std::filesystem::path& socket, Clock::time_point end, const StopEvent& stop)
      : end_(end), stop_(stop), connection_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) {
    if (!connection_.is_open()) throw refusal("no socket: " + words(errno));
    connect(socket);
  }

  std::string ask(std::string_view command) {
    while (!command.empty() && send_some(command)) continue;
    while (receive_some()) continue;
    return answer_.substr(0, answer_.find_last_not_of('\n') + 1);
  }

 private:
  void connect(const std::filesystem::path& socket) {
    sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
    if (socket.native().size() >= sizeof address.sun_path)
      throw refusal("the path of a socket has at most " + std::to_string(sizeof address.sun_path - 1) + " characters");
    std::memcpy(address.sun_path, socket.c_str(), socket.native().size());
    while (::connect(connection_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
      if (errno == EAGAIN)
        wait(0, 10ms);  // too many wait to be accepted
      else if (errno != EINTR)
        throw unreachable(socket, errno);
    }
  }

  static Error unreachable(const std::filesystem::path& socket, int error_number) {
    const auto line = "\"stats socket " + socket.string() + " user everleaf mode 600 level admin\"";
    return refusal("cannot connect: " + words(error_number),
                   error_number == EACCES ? "let us connect: " + line + " in HAProxy's global section"
                                          : "does HAProxy run, with " + line + " in its global section?");
  }

  // False if HAProxy has closed its side: then it has said why.
  bool send_some(std::string_view& command) {
    const auto count = ::send(connection_.get(), command.data(), command.size(), MSG_NOSIGNAL);
    if (count >= 0)
      command.remove_prefix(static_cast<std::size_t>(count));
    else if (errno == EAGAIN)
      wait(POLLOUT);
    else if (errno != EINTR)
      return false;
    return true;
  }

  bool receive_some() {
    std::array<char, 16 * 1024> buffer;
    const auto count = ::recv(connection_.get(), buffer.data(), buffer.size(), 0);
    if (count > 0)
      answer_.append(buffer.data(), static_cast<std::size_t>(count));
    else if (count == 0 || (errno != EAGAIN && errno != EINTR))
      return false;
    else
      wait(POLLIN);
    if (answer_.size() > longest_list) throw refusal("an answer without end, beginning with " + in_quotes(answer_));
    return true;
  }

  void wait(short event, std::chrono::milliseconds at_most = 1h) const {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now());
    if (left <= 0ms)
      throw refusal("not finished in time" + (answer_.empty() ? "" : "; so far it said " + in_quotes(answer_)),
                    "the socket must be one of a \"stats socket\" line, not the master's (-S)");
    std::array<pollfd, 2> sources{{{event != 0 ? connection_.get() : -1, event, 0}, {stop_.descriptor(), POLLIN, 0}}};
    ::poll(sources.data(), sources.size(), static_cast<int>(std::min(left, at_most).count()));
    if (sources[1].revents != 0) throw Error(ErrorKind::cancelled, "stopped while HAProxy took up a certificate");
  }

  Clock::time_point end_;
  const StopEvent& stop_;
  Descriptor connection_;
  std::string answer_;
};

// What "show ssl cert" lists.
struct KnownToHaproxy {
  std::string transaction;  // the certificate of the one that is open; empty: none is
  std::vector<std::string> names;

  bool has(const std::string& name) const { return std::find(names.begin(), names.end(), name) != names.end(); }
  std::string listed() const {
    std::string text;
    for (const auto& name : names) text += (text.empty() ? "" : ", ") + name;
    return text.empty() ? "none" : escape(text, 300);
  }
};

class RuntimeApi {
 public:
  RuntimeApi(std::filesystem::path socket, std::chrono::milliseconds limit, std::stop_token stop)
      : socket_(std::move(socket)), end_(Clock::now() + limit), stop_(std::move(stop)) {}

  std::string ask(const std::string& command) const { return Exchange(socket_, end_, stop_).ask(command + "\n"); }

  // For what has to be undone, however much time is left, and also when we are told to stop.
  void abort(const std::string& name) const noexcept try {
    Exchange(socket_, Clock::now() + time_to_abort, StopEvent({})).ask("abort ssl cert " + name + "\n");
  } catch (const Error&) {  // the next run finds it and tries again
  }

  KnownToHaproxy known() const {
    const auto answer = ask("show ssl cert");
    if (!answer.starts_with("# ")) throw unexpected(answer);
    KnownToHaproxy known;
    std::istringstream lines(answer);
    for (std::string line; std::getline(lines, line);) {
      if (line.starts_with('*'))
        known.transaction = line.substr(1);
      else if (!line.empty() && !line.starts_with('#'))
        known.names.push_back(line);
    }
    return known;
  }

  // Whether `object` ("cert NAME": of a leaf, "ca-file NAME": of all authorities) has these fingerprints; nothing if
  // there is no such object. The names in a certificate stand in the answer as well, and may make it look as if there
  // were more: then it has not.
  std::optional<bool> has(const std::string& object, std::vector<std::string> sha1s) const {
    constexpr std::string_view title = "SHA1 FingerPrint: ";
    const auto answer = ask("show ssl " + object);
    std::vector<std::string> found;
    std::istringstream lines(answer);
    for (std::string line; std::getline(lines, line);)
      if (line.starts_with(title)) found.push_back(in_lower_case(line.substr(title.size())));
    if (found.empty()) return std::nullopt;
    std::sort(found.begin(), found.end());  // HAProxy has an order of its own
    std::sort(sha1s.begin(), sha1s.end());
    return found == sha1s;
  }

  static Error unexpected(const std::string& answer) {
    if (is_verdict(answer)) return Error(ErrorKind::rejected, "it answered " + in_quotes(answer));
    return refusal(answer.empty() ? "it closed the connection without an answer" : "it answered " + in_quotes(answer),
                   "the socket must be one of a \"stats socket\" line with \"level admin\"");
  }

 private:
  // HAProxy has looked at what it was given, and said no.
  static bool is_verdict(const std::string& answer) {
    return answer.ends_with("\nFailed!") || answer.find("\nCan't commit ") != std::string::npos ||
           answer.starts_with("unable to load ");
  }
  static std::string in_lower_case(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
  }

  std::filesystem::path socket_;
  Clock::time_point end_;
  StopEvent stop_;
};

// "set ssl cert", to be followed by a commit(); without it the transaction is aborted.
class Transaction {
 public:
  Transaction(const RuntimeApi& haproxy, const HaproxyCertificate& certificate)
      : haproxy_(haproxy), open_(certificate.name) {
    try {
      begin(certificate);
    } catch (...) {
      haproxy_.abort(open_);
      throw;
    }
  }
  Transaction(const Transaction&) = delete;
  ~Transaction() {
    if (!open_.empty()) haproxy_.abort(open_);
  }

  void commit() {
    const auto answer = haproxy_.ask("commit ssl cert " + open_);
    if (!answer.ends_with("\nSuccess!")) throw RuntimeApi::unexpected(answer);
    open_.clear();
  }

 private:
  // A payload ends with an empty line; what follows one inside of it would be taken for commands.
  void begin(const HaproxyCertificate& certificate) {
    const auto pem = certificate.pem.reveal();
    if (pem.find("\n\n") != std::string_view::npos || !pem.ends_with('\n'))
      throw refusal("the PEM has an empty line in it");
    const auto answer = haproxy_.ask("set ssl cert " + certificate.name + " <<\n" + std::string(pem));
    if (answer == "Transaction created for certificate " + certificate.name + "!") return;
    if (answer.empty())
      throw refusal("it closed the connection without an answer",
                    "certificates and key (" + std::to_string(pem.size()) +
                        " bytes) must fit into HAProxy's buffer: raise tune.bufsize in its global section");
    find_victim(answer);
    throw RuntimeApi::unexpected(answer);
  }

  // Whatever the name that it is given, HAProxy 2.6 adds to the transaction that is open. Should somebody have begun
  // one since we looked, then that now has our key in it, and must not be committed.
  void find_victim(std::string_view answer) {
    constexpr std::string_view before = "Transaction updated for certificate ";
    if (!answer.starts_with(before) || !answer.ends_with('!')) return;
    answer.remove_prefix(before.size());
    answer.remove_suffix(1);
    if (is_haproxy_name(std::string(answer))) open_ = answer;
  }

  const RuntimeApi& haproxy_;
  std::string open_;
};

template <typename Action>
auto within(const std::string& doing, Action action) try {
  return action();
} catch (const Error& error) {
  throw error.within(doing);
}

KnownToHaproxy clear_way(const RuntimeApi& haproxy, const std::vector<HaproxyCertificate>& certificates) {
  auto known = haproxy.known();
  if (known.transaction.empty()) return known;
  const auto is_it = [&](const HaproxyCertificate& one) { return one.name == known.transaction; };
  if (std::none_of(certificates.begin(), certificates.end(), is_it))
    throw refusal("somebody has a transaction open for " + in_quotes(known.transaction),
                  "HAProxy has one at a time: commit it, or give the socket \"abort ssl cert " +
                      escape(known.transaction) + "\"");
  haproxy.abort(known.transaction);
  return known;
}

void replace(const RuntimeApi& haproxy, const KnownToHaproxy& known, const HaproxyCertificate& certificate) {
  if (!is_haproxy_name(certificate.name))
    throw refusal("HAProxy's command line cannot take such a name", "a path without blanks, quotes and semicolons");
  if (!known.has(certificate.name))
    throw refusal("HAProxy has no such certificate",
                  "it has: " + known.listed() + "; \"certificate\" names one of them as it is written there");
  const auto is_used = [&] { return haproxy.has("cert " + certificate.name, {certificate.sha1}).value_or(false); };
  if (is_used()) return;
  Transaction transaction(haproxy, certificate);
  transaction.commit();
  if (!is_used()) throw refusal("it accepted it, and does not use it");
}

// There is a "commit ssl ca-file" as well. After it HAProxy 2.6.12 goes on to serve the old certificate on the lines
// with that ca-file, whatever is committed later, and says that it serves the new one.
void check_authorities(const RuntimeApi& haproxy, const HaproxyCertificate& certificate) {
  if (is_haproxy_name(certificate.ca_file) &&
      !haproxy.has("ca-file " + certificate.ca_file, certificate.ca_sha1s).value_or(true))
    throw refusal("HAProxy still trusts what was in " + certificate.ca_file + " before",
                  "only a reload of HAProxy makes it read new authorities");
}

}  // namespace

bool is_haproxy_name(const std::string& name) {
  const auto is_plain = [](unsigned char c) { return c > ' ' && c != 0x7f && std::strchr("\"'\\;<", c) == nullptr; };
  return !name.empty() && name.size() < 1024 && name[0] != '*' && name[0] != '#' &&
         std::all_of(name.begin(), name.end(), is_plain);
}

void update_haproxy(const std::filesystem::path& socket, const std::vector<HaproxyCertificate>& certificates,
                    std::chrono::milliseconds limit, std::stop_token stop) {
  const RuntimeApi haproxy(socket, limit, std::move(stop));
  const auto known =
      within("cannot ask HAProxy by " + socket.string(), [&] { return clear_way(haproxy, certificates); });
  std::optional<Error> failure;
  for (const auto& certificate : certificates) try {
      within("cannot replace " + certificate.name + " in HAProxy", [&] { replace(haproxy, known, certificate); });
      check_authorities(haproxy, certificate);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::cancelled) throw;
      if (!failure) failure = error;
    }
  if (failure) throw *failure;
}

}  // namespace everleaf
