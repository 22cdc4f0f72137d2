// SPDX-License-Identifier: Apache-2.0
#include "agent/agent.hpp"

#include <algorithm>
#include <utility>

#include <everleaf/lifecycle/adopt.hpp>
#include <everleaf/lifecycle/failover.hpp>

namespace everleaf::agent {

void Agent::use(std::shared_ptr<const Configuration> configuration) {
  const bool goes_on = std::exchange(configuration_, std::move(configuration)) != nullptr;
  std::erase_if(certificates_, [this](const auto& entry) {
    const bool gone = !configuration_->certificates.contains(entry.first);
    if (gone) due_certificates_.remove(entry.first);
    if (gone && !entry.second.busy) discount(entry.first, entry.second);
    return gone && !entry.second.busy;
  });
  std::erase_if(failing_proxies_, [this](const auto& name) { return !configuration_->proxies.contains(name); });
  std::erase_if(known_proxies_, [this](const auto& one) { return !configuration_->proxies.contains(one.first); });
  std::erase_if(staged_, [this](const auto& one) { return !configuration_->certificates.contains(one.first); });
  refused_.clear();  // all proxies are asked again
  for (const auto& [name, certificate] : configuration_->certificates) certificates_[name].forgiven = goes_on;
  replan();
}

void Agent::replan() {
  for (const auto& [name, entry] : certificates_) look_at(name);
  for (const auto& [name, proxy] : configuration_->proxies) due_proxies_.put(name, clock_.now());
  run_due();
}

// Now, or when what is under way is over.
void Agent::look_at(const std::string& name) {
  auto& entry = certificates_.at(name);
  if (entry.busy || staged_.contains(name))
    entry.look_again_at_once = true;
  else
    look_at(name, entry, clock_.now());
}

// What expired, and fails for other reasons than a CA that was away, must not hold up what can still be saved.
void Agent::look_at(const std::string& name, const CertificateEntry& entry, Time when) {
  const bool is_lost = entry.failed && entry.expires <= clock_.now() && !is_failure_of_ca(entry.attempts.last_kind);
  due_certificates_.put(name, when, is_lost ? Time::max() : entry.expires);
}

void Agent::run_due() {
  if (stop_.stop_requested()) return;
  const Time now = clock_.now();
  run_trials();
  run_due_proxies(now);
  run_swaps();
  run_due_certificates(now);
  set_alarm();
  if (tell_) tell_(outlook());
}

// What waits for a free worker is not waited for by the clock: the worker's completion comes here again.
void Agent::set_alarm() {
  auto next = due_proxies_.next();
  if (const auto due = due_certificates_.next(); due && certificate_workers_.has_room())
    next = next ? std::min(*next, *due) : due;
  if (next) clock_.wake_at(*next);
}

void Agent::run_due_proxies(Time now) {
  while (const auto name = due_proxies_.take_due(now))
    if (!is_overdue(*name)) overdue_proxies_.push_back(*name);
  std::erase_if(overdue_proxies_, [this](const std::string& name) {
    if (!configuration_->proxies.contains(name)) return true;
    if (busy_proxies_.contains(name) || !may_reload(name)) return false;
    start_adoption(name);
    return true;
  });
}

// What failed the last time may hang again: one of them at a time, so that a worker is left for the others.
bool Agent::may_reload(const std::string& proxy) const {
  const auto fails = [this](const std::string& one) { return failing_proxies_.contains(one); };
  return proxy_workers_.has_room() && !(fails(proxy) && std::ranges::any_of(busy_proxies_, fails));
}

bool Agent::is_overdue(const std::string& proxy) const {
  return std::ranges::find(overdue_proxies_, proxy) != overdue_proxies_.end();
}

// Whether it is about to be reloaded. What fails may have to wait long for its turn.
bool Agent::is_next(const std::string& proxy) const { return !failing_proxies_.contains(proxy) && is_overdue(proxy); }

bool Agent::may_swap(const ManagedCertificate& certificate) const {
  return swap_workers_.has_room() &&
         std::none_of(certificate.used_by.begin(), certificate.used_by.end(),
                      [this](const std::string& proxy) { return busy_proxies_.contains(proxy) || is_next(proxy); });
}

void Agent::run_swaps() {
  std::erase_if(staged_, [this](const auto& one) {
    const auto& [name, staged] = one;
    const bool now = may_swap(configuration_->certificates.at(name));
    if (now) start_swap(name, staged);
    return now;
  });
}

void Agent::run_due_certificates(Time now) {
  while (certificate_workers_.has_room()) {
    const auto name = due_certificates_.take_due(now);
    if (!name) return;
    start_tending(*name);
  }
}

void Agent::start_tending(const std::string& name) {
  auto& entry = certificates_[name];
  entry.busy = true;
  entry.obliging = entry.asked;
  ++running_;
  const bool forgiven = std::exchange(entry.forgiven, false);
  const auto pass = entry.asked ? &Passes::renew : forgiven ? &Passes::retry : &Passes::tend;
  certificate_workers_.run([this, name, pass, configuration = configuration_, stop = stop_.get_token()] {
    return [this, name, result = (passes_.*pass)(*configuration, configuration->certificates.at(name), stop)] {
      settle_certificate(name, result);
    };
  });
}

void Agent::start_swap(const std::string& name, const Staged& staged) {
  certificates_[name].busy = true;
  ++running_;
  const auto& proxies = configuration_->certificates.at(name).used_by;
  busy_proxies_.insert(proxies.begin(), proxies.end());
  swap_workers_.run([this, name, configuration = configuration_, staged] {
    const auto& certificate = configuration->certificates.at(name);
    return [this, name, proxies = certificate.used_by, result = passes_.swap(*configuration, certificate, staged)] {
      settle_swap(name, proxies, result);
    };
  });
}

void Agent::start_adoption(const std::string& name) {
  busy_proxies_.insert(name);
  ++running_;
  proxy_workers_.run([this, name, configuration = configuration_, stop = stop_.get_token()] {
    return [this, name, result = passes_.adopt(*configuration, configuration->proxies.at(name), stop)] {
      settle_adoption(name, result);
    };
  });
}

void Agent::run_trials() {
  std::erase_if(refused_, [this](const auto& one) {
    const bool now = may_reload(one.first) && may_judge(one.second);
    if (now) start_trial(one.first, one.second);
    return now;
  });
}

bool Agent::may_judge(const std::vector<std::string>& certificates) const {
  return std::ranges::all_of(certificates, [this](const std::string& name) {
    return !certificates_.at(name).busy && may_swap(configuration_->certificates.at(name));
  });
}

void Agent::start_trial(const std::string& proxy, const std::vector<std::string>& certificates) {
  std::set<std::string> proxies{proxy};
  for (const auto& name : certificates) {
    certificates_.at(name).busy = true;
    due_certificates_.remove(name);
    const auto& used_by = configuration_->certificates.at(name).used_by;
    proxies.insert(used_by.begin(), used_by.end());
  }
  busy_proxies_.insert(proxies.begin(), proxies.end());
  ++running_;
  proxy_workers_.run([this, proxy, certificates, proxies, configuration = configuration_, stop = stop_.get_token()] {
    auto result = passes_.judge(*configuration, configuration->proxies.at(proxy), certificates, stop);
    return [this, proxy, certificates, proxies, result = std::move(result)] {
      settle_trial(proxy, certificates, proxies, result);
    };
  });
}

void Agent::settle_trial(const std::string& proxy, const std::vector<std::string>& certificates,
                         const std::set<std::string>& proxies, const ProxyResult& result) {
  for (const auto& one : proxies) busy_proxies_.erase(one);
  for (const auto& name : certificates) {
    auto& entry = certificates_.at(name);
    entry.busy = false;
    if (configuration_->certificates.contains(name)) {
      look_at(name);
    } else {
      discount(name, entry);
      certificates_.erase(name);
    }
  }
  for (const auto& other : result.disturbed) reload_by(other, clock_.now());
  settle_adoption(proxy, result);
}

void Agent::settle_certificate(const std::string& name, const CertificateResult& result) {
  for (const auto& event : result.events) log_(event);
  auto& entry = certificates_[name];
  entry.busy = false;
  discount(name, entry);
  entry.failed = false;
  note(entry, result);
  if (!configuration_->certificates.contains(name)) {
    certificates_.erase(name);
  } else if (result.staged) {
    staged_.emplace(name, *result.staged);
  } else {
    count(name, entry, result);
    entry.expires = result.expires.value_or(entry.expires);
    const Time again = std::exchange(entry.look_again_at_once, false) ? clock_.now() : result.look_again;
    look_at(name, entry, again);
    reload_owing(result.owed_by);
  }
  if (result.issued) look_at_failed();
  if (result.trust_changed)
    for (const auto& [other, ignored] : certificates_) look_at(other);
  finish_job();
}

void Agent::settle_swap(const std::string& name, const std::vector<std::string>& proxies,
                        const CertificateResult& result) {
  for (const auto& proxy : proxies) {
    busy_proxies_.erase(proxy);
    if (!result.failed) reload_by(proxy, clock_.now() + settle_window);
    if (result.delivered && configuration_->proxies.contains(proxy))
      add(known_proxies_[proxy].account.owed, *result.delivered);
  }
  settle_certificate(name, result);
}

// Also sooner, if it is due sooner: the window begins with the first delivery, and later ones do not prolong it.
void Agent::reload_by(const std::string& proxy, Time when) {
  due_proxies_.put(proxy, std::min(when, due_proxies_.due(proxy).value_or(when)));
}

// What somebody did to the files of one stops the reload for all.
void Agent::look_at_used_by(const std::string& proxy) {
  for (const auto& [name, certificate] : configuration_->certificates)
    if (std::ranges::count(certificate.used_by, proxy) != 0) look_at(name);
}

// A swap that failed halfway is completed by a later pass: then nobody else knows that they have to reload.
void Agent::reload_owing(const std::vector<std::string>& proxies) {
  for (const auto& name : proxies)
    if (configuration_->proxies.contains(name) && !due_proxies_.due(name) && !busy_proxies_.contains(name) &&
        !is_overdue(name))
      reload_by(name, clock_.now());
}

void Agent::settle_adoption(const std::string& name, const ProxyResult& result) {
  busy_proxies_.erase(name);
  refused_.erase(name);
  for (const auto& event : result.events) log_(event);
  if (configuration_->proxies.contains(name)) note_adoption(name, result);
  for (const auto& certificate : result.adopted)  // its previous generation is not needed any more
    if (certificates_.contains(certificate)) look_at(certificate);
  finish_job();
}

void Agent::note_adoption(const std::string& name, const ProxyResult& result) {
  auto& known = known_proxies_[name];
  if (result.account) known.account = *result.account;
  if (!result.adopted.empty()) known.last_adoption = clock_.now();
  if (result.try_again) {
    failing_proxies_.insert(name);
    reload_by(name, *result.try_again);
  } else {
    failing_proxies_.erase(name);
    if (result.look_again) reload_by(name, *result.look_again);
  }
  std::vector<std::string> refused;
  std::ranges::copy_if(result.refused, std::back_inserter(refused),
                       [this](const auto& certificate) { return configuration_->certificates.contains(certificate); });
  if (!refused.empty())
    refused_[name] = std::move(refused);
  else if (result.try_again)
    look_at_used_by(name);
}

// The CA is there for one: whoever was waiting for it plans anew. In a long queue this happens once a minute.
void Agent::look_at_failed() {
  const Time now = clock_.now();
  if (looked_at_failed_ && *looked_at_failed_ <= now && now - *looked_at_failed_ < std::chrono::minutes(1)) return;
  looked_at_failed_ = now;
  for (const auto& [name, entry] : certificates_)
    if (entry.failed) look_at(name);
}

// What a pass found out about its certificate. A request is met once the pass that obeyed it is over, swap included.
void Agent::note(CertificateEntry& entry, const CertificateResult& result) const {
  if (result.on_disk && !std::holds_alternative<UnusableOnDisk>(*result.on_disk)) {  // else it was what proxies have
    const auto* pair = std::get_if<PairOnDisk>(&*result.on_disk);
    entry.pair = pair != nullptr ? std::optional(*pair) : std::nullopt;
  }
  if (result.attempts) entry.attempts = *result.attempts;
  entry.problem = !result.failed ? "" : result.last_error.empty() ? "the last try failed" : result.last_error;
  entry.hint = result.failed ? result.last_hint : "";
  entry.next_try = result.failed ? std::optional(result.next_try.value_or(result.look_again)) : std::nullopt;
  if (!result.staged && std::exchange(entry.obliging, false)) entry.asked = false;
}

bool Agent::renew(const std::string& name) {
  if (!configuration_->certificates.contains(name)) return false;
  certificates_.at(name).asked = true;
  look_at(name);
  run_due();
  return true;
}

// As found out by who talked to the CA last.
std::optional<std::chrono::seconds> Agent::ca_clock_ahead() const {
  std::optional<Time> last;
  std::optional<std::chrono::seconds> ahead;
  for (const auto& [name, entry] : certificates_) {
    const auto talked = std::max(entry.attempts.last_success, entry.attempts.last_failure);
    if (!entry.attempts.ca_ahead || talked < last) continue;
    last = talked;
    ahead = entry.attempts.ca_ahead;
  }
  return ahead;
}

Status Agent::status() const {
  Status status{.now = clock_.now(), .ca_clock_ahead = ca_clock_ahead()};
  for (const auto& [name, certificate] : configuration_->certificates) {
    const auto& entry = certificates_.at(name);
    status.certificates.push_back({name, entry.pair, entry.attempts, entry.problem, entry.hint, entry.renewal,
                                   entry.next_try, due_certificates_.due(name), entry.busy || staged_.contains(name),
                                   entry.asked, certificate.used_by});
  }
  for (const auto& [name, proxy] : configuration_->proxies) {
    const auto known = known_proxies_.find(name);
    status.proxies.push_back(known != known_proxies_.end() ? known->second : ProxyStatus{});
    status.proxies.back().name = name;
    status.proxies.back().failing = failing_proxies_.contains(name);
    status.proxies.back().next_try = due_proxies_.due(name);
  }
  return status;
}

// In the outlook; and the log announces the next renewal.
void Agent::count(const std::string& name, CertificateEntry& entry, const CertificateResult& result) {
  entry.failed = result.failed;
  if (result.renewal && (result.renewal != entry.renewal || result.last_error != entry.complaint)) {
    entry.renewal = result.renewal;
    entry.complaint = result.last_error;
    log_(waiting_event(name, result));
  }
  if (entry.failed)
    ++failing_;
  else if (entry.renewal)
    renewals_.emplace(*entry.renewal, name);
}

void Agent::discount(const std::string& name, const CertificateEntry& entry) {
  if (entry.failed) --failing_;
  if (entry.renewal) renewals_.erase({*entry.renewal, name});
}

void Agent::finish_job() {
  --running_;
  if (!stop_.stop_requested())
    run_due();
  else if (running_ == 0)
    when_idle_();
}

Outlook Agent::outlook() const {
  const auto drains_too_long = [this, now = clock_.now()](const auto& one) {
    return !failing_proxies_.contains(one.first) && outlived_deadline(one.second.account, now);
  };
  const auto proxies =
      failing_proxies_.size() + static_cast<std::size_t>(std::ranges::count_if(known_proxies_, drains_too_long));
  Outlook outlook{configuration_->certificates.size(), failing_ + proxies, std::nullopt};
  if (!renewals_.empty()) outlook.next_renewal = *renewals_.begin();
  return outlook;
}

void Agent::stop(std::function<void()> when_idle) {
  when_idle_ = std::move(when_idle);
  stop_.request_stop();
  if (running_ == 0) when_idle_();
}

}  // namespace everleaf::agent
