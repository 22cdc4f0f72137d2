// SPDX-License-Identifier: Apache-2.0
#include "agent/agent.hpp"

#include <algorithm>

namespace everleaf::agent {

void Agent::use(std::shared_ptr<const Configuration> configuration) {
  configuration_ = std::move(configuration);
  std::erase_if(certificates_, [this](const auto& entry) {
    const bool gone = !configuration_->certificates.contains(entry.first);
    if (gone) due_certificates_.remove(entry.first);
    return gone && !entry.second.busy;
  });
  std::erase_if(failing_proxies_, [this](const auto& name) { return !configuration_->proxies.contains(name); });
  for (const auto& [name, certificate] : configuration_->certificates) certificates_.try_emplace(name);
  for (const auto& [name, proxy] : configuration_->proxies) due_proxies_.put(name, clock_.now());
  replan();
}

void Agent::replan() {
  for (auto& [name, entry] : certificates_) {
    if (entry.busy || entry.staged)
      entry.look_again_at_once = true;
    else if (configuration_->certificates.contains(name))
      due_certificates_.put(name, clock_.now());
  }
  run_due();
}

void Agent::run_due() {
  if (stop_.stop_requested()) return;
  const Time now = clock_.now();
  run_swaps();
  run_due_proxies(now);
  run_due_certificates(now);
  set_alarm();
  if (tell_) tell_(outlook());
}

// What waits for a free worker is not waited for by the clock: the worker's completion comes here again.
void Agent::set_alarm() {
  std::optional<Time> next;
  const auto consider = [&](const Agenda& agenda, const Workers& workers) {
    if (const auto due = agenda.next(); due && workers.has_room()) next = next ? std::min(*next, *due) : *due;
  };
  consider(due_certificates_, certificate_workers_);
  consider(due_proxies_, proxy_workers_);
  if (next) clock_.wake_at(*next);
}

void Agent::run_due_proxies(Time now) {
  while (proxy_workers_.has_room()) {
    const auto name = due_proxies_.take_due(now);
    if (!name) return;
    if (!configuration_->proxies.contains(*name)) continue;
    if (busy_proxies_.contains(*name)) {
      due_proxies_.put(*name, now + settle_window);
      continue;
    }
    start_adoption(*name);
  }
}

bool Agent::proxies_are_idle(const ManagedCertificate& certificate) const {
  return std::none_of(certificate.used_by.begin(), certificate.used_by.end(),
                      [this](const std::string& proxy) { return busy_proxies_.contains(proxy); });
}

void Agent::run_swaps() {
  for (const auto& [name, entry] : certificates_) {
    if (!proxy_workers_.has_room()) return;
    const auto certificate = configuration_->certificates.find(name);
    if (entry.staged && !entry.busy && certificate != configuration_->certificates.end() &&
        proxies_are_idle(certificate->second))
      start_swap(name);
  }
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

void Agent::start_swap(const std::string& name) {
  auto& entry = certificates_[name];
  entry.busy = true;
  ++running_;
  const auto& proxies = configuration_->certificates.at(name).used_by;
  busy_proxies_.insert(proxies.begin(), proxies.end());
  proxy_workers_.run([this, name, configuration = configuration_, staged = *entry.staged] {
    const auto& certificate = configuration->certificates.at(name);
    return [this, name, proxies = certificate.used_by, result = passes_.swap(*configuration, certificate, staged)] {
      settle_swap(name, proxies, result);
    };
  });
  entry.staged.reset();
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
  auto& entry = certificates_[name];
  entry.busy = false;
  entry.failed = result.failed;
  for (const auto& event : result.events) log_(event);
  entry.staged = result.staged;
  if (!entry.staged) {
    announce(name, entry, result);
    const Time again = entry.look_again_at_once ? clock_.now() : result.look_again;
    due_certificates_.put(name, again, result.expires.value_or(Time::max()));
    entry.look_again_at_once = false;
  }
  if (!configuration_->certificates.contains(name)) {
    certificates_.erase(name);
    due_certificates_.remove(name);
  }
  finish_job();
}

void Agent::settle_swap(const std::string& name, const std::vector<std::string>& proxies,
                        const CertificateResult& result) {
  for (const auto& proxy : proxies) {
    busy_proxies_.erase(proxy);
    // The window begins with the first delivery; later ones do not prolong it.
    if (!result.failed && !due_proxies_.due(proxy)) due_proxies_.put(proxy, clock_.now() + settle_window);
  }
  settle_certificate(name, result);
}

void Agent::settle_adoption(const std::string& name, const ProxyResult& result) {
  busy_proxies_.erase(name);
  for (const auto& event : result.events) log_(event);
  result.try_again ? void(failing_proxies_.insert(name)) : void(failing_proxies_.erase(name));
  if (result.try_again && !due_proxies_.due(name)) due_proxies_.put(name, *result.try_again);
  for (const auto& certificate : result.adopted)  // its previous generation is not needed any more
    if (const auto entry = certificates_.find(certificate); entry != certificates_.end()) {
      if (entry->second.busy || entry->second.staged)
        entry->second.look_again_at_once = true;
      else
        due_certificates_.put(certificate, clock_.now());
    }
  finish_job();
}

void Agent::announce(const std::string& name, CertificateEntry& entry, const CertificateResult& result) {
  if (!result.renewal || result.renewal == entry.renewal) return;
  entry.renewal = result.renewal;
  std::vector<Field> fields{{"certificate", name}, {"renewal", format_time(*result.renewal)}};
  if (result.expires) fields.push_back({"not_after", format_time(*result.expires)});
  log_({Priority::info, "waiting", std::move(fields)});
}

void Agent::finish_job() {
  --running_;
  if (stop_.stop_requested() && running_ == 0 && when_idle_) when_idle_();
  run_due();
}

Outlook Agent::outlook() const {
  Outlook outlook{.certificates = configuration_->certificates.size(), .failing = failing_proxies_.size()};
  for (const auto& [name, entry] : certificates_) {
    if (entry.failed) ++outlook.failing;
    if (entry.renewal && (!outlook.next_renewal || *entry.renewal < outlook.next_renewal->first))
      outlook.next_renewal = {*entry.renewal, name};
  }
  return outlook;
}

void Agent::stop(std::function<void()> when_idle) {
  when_idle_ = std::move(when_idle);
  stop_.request_stop();
  if (running_ == 0) when_idle_();
}

}  // namespace everleaf::agent
