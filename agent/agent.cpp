// SPDX-License-Identifier: Apache-2.0
#include "agent/agent.hpp"

#include <algorithm>
#include <utility>

namespace everleaf::agent {

void Agent::use(std::shared_ptr<const Configuration> configuration) {
  configuration_ = std::move(configuration);
  std::erase_if(certificates_, [this](const auto& entry) {
    const bool gone = !configuration_->certificates.contains(entry.first);
    if (gone) due_certificates_.remove(entry.first);
    return gone && !entry.second.busy;
  });
  std::erase_if(staged_, [this](const auto& one) { return !configuration_->certificates.contains(one.first); });
  for (const auto& [name, certificate] : configuration_->certificates) certificates_.try_emplace(name);
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
    due_certificates_.put(name, clock_.now(), entry.expires);
}

void Agent::run_due() {
  if (stop_.stop_requested()) return;
  const Time now = clock_.now();
  run_due_proxies(now);
  run_swaps();
  run_due_certificates(now);
  set_alarm();
}

// What waits for a free worker is not waited for by the clock: the worker's completion comes here again.
void Agent::set_alarm() {
  auto next = due_proxies_.next();
  if (const auto due = due_certificates_.next(); due && certificate_workers_.has_room())
    next = next ? std::min(*next, *due) : due;
  if (next) clock_.wake_at(*next);
}

void Agent::run_due_proxies(Time now) {
  while (const auto name = due_proxies_.take_due(now)) overdue_proxies_.insert(*name);
  std::erase_if(overdue_proxies_, [this](const std::string& name) {
    if (!configuration_->proxies.contains(name)) return true;
    if (busy_proxies_.contains(name) || !proxy_workers_.has_room()) return false;
    start_adoption(name);
    return true;
  });
}

bool Agent::may_swap(const ManagedCertificate& certificate) const {
  return proxy_workers_.has_room() &&
         std::none_of(certificate.used_by.begin(), certificate.used_by.end(), [this](const std::string& proxy) {
           return busy_proxies_.contains(proxy) || overdue_proxies_.contains(proxy);
         });
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
  certificates_[name].busy = true;
  ++running_;
  certificate_workers_.run([this, name, configuration = configuration_, stop = stop_.get_token()] {
    return [this, name, result = passes_.tend(*configuration, configuration->certificates.at(name), stop)] {
      settle_certificate(name, result);
    };
  });
}

void Agent::start_swap(const std::string& name, const Staged& staged) {
  certificates_[name].busy = true;
  ++running_;
  const auto& proxies = configuration_->certificates.at(name).used_by;
  busy_proxies_.insert(proxies.begin(), proxies.end());
  proxy_workers_.run([this, name, configuration = configuration_, staged] {
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

void Agent::settle_certificate(const std::string& name, const CertificateResult& result) {
  for (const auto& event : result.events) log_(event);
  auto& entry = certificates_[name];
  entry.busy = false;
  if (!configuration_->certificates.contains(name)) {
    certificates_.erase(name);
  } else if (result.staged) {
    staged_.emplace(name, *result.staged);
  } else {
    announce(name, entry, result);
    entry.expires = result.expires.value_or(entry.expires);
    const Time again = std::exchange(entry.look_again_at_once, false) ? clock_.now() : result.look_again;
    due_certificates_.put(name, again, entry.expires);
  }
  finish_job();
}

void Agent::settle_swap(const std::string& name, const std::vector<std::string>& proxies,
                        const CertificateResult& result) {
  for (const auto& proxy : proxies) {
    busy_proxies_.erase(proxy);
    if (!result.failed) reload_by(proxy, clock_.now() + settle_window);
  }
  settle_certificate(name, result);
}

// Also sooner, if it is due sooner: the window begins with the first delivery, and later ones do not prolong it.
void Agent::reload_by(const std::string& proxy, Time when) {
  due_proxies_.put(proxy, std::min(when, due_proxies_.due(proxy).value_or(when)));
}

void Agent::settle_adoption(const std::string& name, const ProxyResult& result) {
  busy_proxies_.erase(name);
  for (const auto& event : result.events) log_(event);
  if (result.try_again) reload_by(name, *result.try_again);
  for (const auto& certificate : result.adopted)  // its previous generation is not needed any more
    if (certificates_.contains(certificate)) look_at(certificate);
  finish_job();
}

void Agent::announce(const std::string& name, CertificateEntry& entry, const CertificateResult& result) {
  if (!result.renewal || result.renewal == entry.renewal) return;
  entry.renewal = result.renewal;
  log_(waiting_event(name, result));
}

void Agent::finish_job() {
  --running_;
  if (!stop_.stop_requested())
    run_due();
  else if (running_ == 0)
    when_idle_();
}

void Agent::stop(std::function<void()> when_idle) {
  when_idle_ = std::move(when_idle);
  stop_.request_stop();
  if (running_ == 0) when_idle_();
}

}  // namespace everleaf::agent
