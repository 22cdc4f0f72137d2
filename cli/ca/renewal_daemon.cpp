// SPDX-License-Identifier: Apache-2.0
#include "cli/ca/renewal_daemon.hpp"

#include <cstdio>

#include <everleaf/files/streams.hpp>
#include "cli/ca/hook_note.hpp"
#include "cli/ca/orders.hpp"
#include "cli/ca/renewal_error.hpp"

namespace everleaf::cli {
namespace {

using std::chrono::seconds;

constexpr std::chrono::minutes longest_wait{5};  // files are looked at this often even if nothing is due
constexpr seconds wait_for_files{60};            // that do not fit together, or are not there

void log_info(const std::string& what) { say("INFO: " + format_time(system_now()) + " " + what); }

// One line, whatever is to be left unsaid.
void log_error(const Error& error, const std::string& then) {
  const auto hint = error.hint().empty() ? "" : "; hint: " + error.hint();
  std::fprintf(stderr, "ERROR: %s %s%s%s\n", format_time(system_now()).c_str(), error.what(), hint.c_str(),
               then.c_str());
}

seconds parse_period(const std::string& text, const std::string& flag, const Certificate& certificate) {
  const auto period = std::chrono::floor<seconds>(require_duration(text, flag));
  const auto lifetime = certificate.validity().lifetime();
  if (period > lifetime || (flag != "--expires-in" && period == lifetime))
    throw Error(ErrorKind::usage,
                flag + " " + text + " is not within the certificate's validity period of " + format_duration(lifetime));
  return period;
}

UpkeepRule rule_of(const RenewalOptions& options, const Renewal& renewal, const Certificate& certificate) {
  UpkeepRule rule;
  if (!options.expires_in.empty()) rule.expires_in = parse_period(options.expires_in, "--expires-in", certificate);
  if (!options.period.empty()) rule.period = parse_period(options.period, "--" + renewal.verb + "-period", certificate);
  if (rule.expires_in == seconds(0)) rule.expires_in.reset();  // as step has it
  if (rule.period == seconds(0)) rule.period.reset();
  return rule;
}

class Daemon {
 public:
  Daemon(const RenewalOptions& options, const Renewal& renewal)
      : options_(options),
        renewal_(renewal),
        password_(options.password_file),
        note_(renewal.certificate),
        present_(read_present({})),
        rule_(rule_of(options, renewal, present_.leaf())) {
    if (options_.hooks.any() && note_.is_owed(present_.leaf().fingerprint())) owed_ = OwedHook{};
  }

  int run() {
    log_info("first renewal in " + format_duration(time_to_renewal()));
    while (!stop_.stop_requested()) {
      const auto now = system_now();
      renew_now_ |= orders_.take_hangup();
      if (!look()) {
        orders_.wait_until(now + wait_for_files);
        continue;
      }
      const auto step =
          std::exchange(renew_now_, false) ? UpkeepStep(Renew{}) : next_step(pair(), rule_, attempts_, owed_, now);
      if (const auto* waiting = std::get_if<WaitUntil>(&step))
        orders_.wait_until(std::min<Time>(waiting->when, now + longest_wait));
      else if (std::holds_alternative<Renew>(step))
        renew();
      else
        run_hooks();
    }
    return 0;
  }

 private:
  PairOnDisk pair() const { return {present_.leaf().validity(), present_.leaf().fingerprint()}; }

  seconds time_to_renewal() const {
    const auto now = system_now();
    return std::max(next_renewal(pair(), renewal_time(pair(), rule_), attempts_, now) - now, seconds(0));
  }

  // What was written elsewhere (--out) is what is renewed from then on, also after a restart; the files on the command
  // line are where it began.
  Identity read_present(std::stop_token stop) {
    const bool elsewhere = renewal_.certificate != options_.certificate_file || renewal_.key != options_.key_file;
    const auto written = elsewhere ? read_written(stop) : std::nullopt;
    if (written) return *written;
    return read_pair(options_.certificate_file, options_.key_file, password_, options_.output, stop);
  }

  std::optional<Identity> read_written(std::stop_token stop) try {
    if (!std::filesystem::exists(renewal_.certificate)) return std::nullopt;
    auto written = read_pair(renewal_.certificate, renewal_.key, password_, options_.output, stop);
    const auto began = read_file_if_present(options_.certificate_file);
    if (!began) return written;
    const auto leaf = Certificate::from_pem(*began, options_.certificate_file);
    if (leaf.names() != written.leaf().names() || leaf.validity().not_after > written.leaf().validity().not_after)
      return std::nullopt;
    return written;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) throw;
    return std::nullopt;  // it is going to be replaced
  }

  // Reads the pair again; false if it cannot be used now.
  bool look() try {
    auto found = read_present(stop_);
    if (found.leaf() != present_.leaf()) {
      present_ = std::move(found);
      if (owed_) note_.owe(present_.leaf().fingerprint());  // nobody knows whether those who replaced it ran it
      log_info(options_.certificate_file + " was replaced by somebody else, next in " +
               format_duration(time_to_renewal()));
    } else {
      present_ = std::move(found);
    }
    said_.clear();
    return true;
  } catch (const Error& error) {
    if (said_ != error.what() && error.kind() != ErrorKind::cancelled) log_error(error, "; looking again");
    said_ = error.what();
    return false;
  }

  void renew() try {
    present_ = obtain(
        options_, renewal_, present_, ExistingFiles::replace,
        [this](const Identity& renewed) {
          if (options_.hooks.any()) note_.owe(renewed.leaf().fingerprint());
        },
        stop_);
    attempts_ = {.last_success = system_now()};
    if (options_.hooks.any()) owed_ = OwedHook{};
    log_info(escape(present_.leaf().common_name()) + " certificate " + renewal_.past + ", next in " +
             format_duration(time_to_renewal()));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) return;
    note_failure(attempts_, error, system_now());
    log_error(renewal_error(error, "cannot " + renewal_.verb + " " + options_.certificate_file),
              "; next try in " + format_duration(time_to_renewal()));
  }

  void run_hooks() try {
    options_.hooks.run(time_for_hook(time_to_renewal()), stop_);
    owed_.reset();
    note_.settle();
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::cancelled) return;
    if (!owed_) return log_error(error, "");  // they worked, but it cannot be forgotten that they are owed
    const auto now = system_now();
    owed_ = OwedHook{owed_->failures + 1, now};
    const auto again = retry_time_without_deadline(pair().leaf, owed_->failures, now);
    log_error(error, "; next try in " + format_duration(again - now));
  }

  const RenewalOptions& options_;
  const Renewal& renewal_;
  KeyPassword password_;
  HookNote note_;
  Identity present_;
  UpkeepRule rule_;
  Attempts attempts_;
  std::optional<OwedHook> owed_;
  bool renew_now_ = false;
  std::string said_;  // why the files could not be used when they were looked at last
  Orders orders_;     // only once no password is asked for any more: from here on Control-C does not interrupt
  std::stop_token stop_ = orders_.stop();
};

}  // namespace

int run_daemon(const RenewalOptions& options, const Renewal& renewal) {
  for (const auto& file : {options.password_file, options.ca.root})
    if (is_stream(file))
      throw Error(ErrorKind::usage, "--daemon reads " + file + " again each time: it must be a regular file");
  for (const auto& file : {renewal.certificate, renewal.key})
    if (is_output_stream(file))
      throw Error(ErrorKind::usage, "--daemon renews " + file + " again: it must be a regular file");
  std::optional<Daemon> daemon;
  try {
    daemon.emplace(options, renewal);
  } catch (const Error& error) {
    throw renewal_error(error, "cannot " + renewal.verb + " " + options.certificate_file);
  }
  return daemon->run();
}

}  // namespace everleaf::cli
