// SPDX-License-Identifier: Apache-2.0
#include <everleaf/lifecycle/judge.hpp>

#include <algorithm>

#include <everleaf/error/error.hpp>
#include <everleaf/lifecycle/deliver.hpp>
#include <everleaf/lifecycle/fault.hpp>
#include <everleaf/process/nginx_workers.hpp>

namespace everleaf {
namespace {

using Clock = std::chrono::steady_clock;

bool has_life_left(const Validity& validity, Time now) {
  return validity.not_before <= now && validity.not_after - now >= validity.lifetime() / 10;
}

// A certificate that was delivered, and may be taken back.
class Delivery {
 public:
  Delivery(const Configuration& configuration, const StateDirectory& state, const ManagedCertificate& certificate,
           const Fingerprint& owed, Time now)
      : state_(state), certificate_(certificate), place_(configuration, certificate), delivered_(owed) {
    try {
      look(now);
    } catch (const Error& error) {  // somebody else's hand was in it
      if (error.kind() != ErrorKind::malformed && error.kind() != ErrorKind::conflict) throw;
    }
  }

  const ManagedCertificate& certificate() const { return certificate_; }
  const Certificate& before() const { return *before_; }
  bool can_go_back() const { return can_go_back_; }

  // What is held back is noted first: an interrupted run must not deliver it again at once.
  void take_back(const std::string& reason, Time now) {
    const unsigned refusals = withheld_before_ ? withheld_before_->refusals : 0;
    withheld_ = {delivered_, reason, refusals + 1, now};
    state_.store(certificate_.name, withheld_);
    place_.swap(delivered_);
    out_ = true;
  }

  void put_in() {
    place_.swap(before_->fingerprint());
    out_ = false;
    if (withheld_before_)
      state_.store(certificate_.name, *withheld_before_);
    else
      state_.remove_withheld(certificate_.name);
  }

  bool is_out() const { return out_; }
  TakenBack taken_back() const { return {certificate_.name, withheld_, before_->validity().not_after}; }

 private:
  void look(Time now) {
    const auto on_disk = place_.look();  // half a pair is refused whatever it is
    if (const auto* pair = std::get_if<PairOnDisk>(&on_disk); pair == nullptr || pair->is_half) return;
    const auto live = place_.live();
    const auto previous = place_.previous();
    if (!live || live->leaf().fingerprint() != delivered_ || !previous || previous->leaf() == live->leaf()) return;
    before_ = previous->leaf();
    can_go_back_ = has_life_left(before_->validity(), now);
    withheld_before_ = withheld();
    if (withheld_before_ && withheld_before_->leaf != delivered_) withheld_before_.reset();
  }

  std::optional<Withheld> withheld() const {
    try {
      return state_.withheld(certificate_.name);
    } catch (const Error& error) {  // only the number of refusals is lost
      if (error.kind() != ErrorKind::malformed) throw;
      return std::nullopt;
    }
  }

  const StateDirectory& state_;
  const ManagedCertificate& certificate_;
  Place place_;
  Fingerprint delivered_;
  std::optional<Certificate> before_;
  bool can_go_back_ = false;
  std::optional<Withheld> withheld_before_;
  Withheld withheld_;
  bool out_ = false;
};

class Trial {
 public:
  Trial(const Configuration& configuration, const Proxy& proxy, const std::vector<std::string>& certificates,
        const StateDirectory& state, Time now, std::stop_token stop)
      : configuration_(configuration),
        proxy_(proxy),
        state_(state),
        now_(now),
        stop_(std::move(stop)),
        end_(Clock::now() + 4 * proxy.time_limit) {
    result_.adoption.account = state.proxy(proxy.name);
    refusal_ = result_.adoption.account.last_error;
    const auto& owed = result_.adoption.account.owed;  // in the order of delivery
    for (auto one = owed.rbegin(); one != owed.rend(); ++one) {
      const auto certificate = configuration.certificates.find(one->certificate);
      if (certificate != configuration.certificates.end() && std::ranges::count(certificates, one->certificate) != 0)
        deliveries_.emplace_back(configuration, state, certificate->second, one->leaf, now);
    }
    for (const auto& one : deliveries_) search_.suspects.push_back({one.certificate().name, one.can_go_back()});
  }

  Judgement run() {
    if (std::ranges::none_of(deliveries_, &Delivery::can_go_back)) return std::move(result_);
    try {
      search_.answer = ask();  // what it refused may be mended meanwhile, and nobody is to blame
      search();
    } catch (...) {
      put_all_in();
      throw;
    }
    note_faults();
    if (search_.answer == Answer::accepted) {
      settle(configuration_, proxy_, state_, asked_, now_ + std::chrono::floor<std::chrono::seconds>(asked_ - begun_),
             stop_, result_.adoption);
    } else {
      state_.store(proxy_.name, result_.adoption.account);
      result_.broken = Error(ErrorKind::rejected, refusal_);
    }
    return std::move(result_);
  }

 private:
  void search() {
    for (auto step = next_step(search_); !std::holds_alternative<EndSearch>(step); step = next_step(search_)) {
      if (const auto* taken = std::get_if<TakeBack>(&step))
        deliveries_[taken->suspect].take_back(refusal_, time_after(now_, begun_));
      if (const auto* put = std::get_if<PutIn>(&step)) deliveries_[put->suspect].put_in();
      search_ = learn(std::move(search_), step, ask());
    }
    for (std::size_t i = 0; i < deliveries_.size(); ++i)
      if (search_.suspects[i].standing == Standing::out) deliveries_[i].put_in();
  }

  Answer ask() {
    if (Clock::now() >= end_)
      throw Error(ErrorKind::hook, "it takes too long to find out what " + proxy_.name + " refuses: " + refusal_);
    asked_ = time_since_boot();
    try {
      result_.adoption.reloaded = reload(configuration_, proxy_, result_.adoption.account.owed, stop_);
      if (!result_.adoption.reloaded.running) throw Error(ErrorKind::hook, proxy_.name + " does not run any more");
      return Answer::accepted;
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::rejected) throw;
      refusal_ = error.what();
      return Answer::refused;
    }
  }

  void put_all_in() {
    for (auto& one : deliveries_) try {
        if (one.is_out()) one.put_in();
      } catch (const Error&) {  // it is noted as withheld, and offered again; what led here is told
      }
  }

  void note_faults() {
    auto& owed = result_.adoption.account.owed;
    for (const auto& one : deliveries_) {
      if (!one.is_out()) continue;
      result_.taken_back.push_back(one.taken_back());
      const auto& [name, before] = std::pair(one.certificate().name, one.before());
      note_told(state_, name, {before.fingerprint(), before.validity().not_after});
      std::erase_if(owed, [&name = name](const Obligation& debt) { return debt.certificate == name; });
      for (const auto& other : one.certificate().used_by)
        if (other != proxy_.name) {
          owe(state_, {other}, {name, before.fingerprint(), now_});
          result_.disturbed.push_back(other);
        }
    }
  }

  const Configuration& configuration_;
  const Proxy& proxy_;
  const StateDirectory& state_;
  Time now_;
  std::stop_token stop_;
  Clock::time_point end_;
  std::vector<Delivery> deliveries_;
  Search search_;
  std::string refusal_;  // the newest
  std::chrono::milliseconds begun_ = time_since_boot();
  std::chrono::milliseconds asked_{};
  Judgement result_;
};

}  // namespace

Judgement judge(const Configuration& configuration, const Proxy& proxy, const std::vector<std::string>& certificates,
                const StateDirectory& state, Time now, std::stop_token stop) {
  return Trial(configuration, proxy, certificates, state, now, std::move(stop)).run();
}

}  // namespace everleaf
