// SPDX-License-Identifier: Apache-2.0
#include <everleaf/systemd/unit.hpp>

#include <poll.h>
#include <systemd/sd-bus.h>

#include <array>
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

#include <everleaf/error/error.hpp>
#include <everleaf/process/stop_event.hpp>
#include <everleaf/time/time.hpp>

namespace everleaf {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto systemd = "org.freedesktop.systemd1";
constexpr auto manager_path = "/org/freedesktop/systemd1";
constexpr auto manager = "org.freedesktop.systemd1.Manager";

template <auto release>
struct Release {
  template <typename T>
  void operator()(T* owned) const {
    release(owned);
  }
};
using BusHandle = std::unique_ptr<sd_bus, Release<sd_bus_close_unref>>;
using Message = std::unique_ptr<sd_bus_message, Release<sd_bus_message_unref>>;
using Slot = std::unique_ptr<sd_bus_slot, Release<sd_bus_slot_unref>>;

// A connection to the system bus for one purpose, with an end. Nothing here blocks but wait_until().
class Bus {
 public:
  Bus(std::string purpose, std::chrono::milliseconds limit, std::stop_token stop)
      : purpose_(std::move(purpose)), limit_(limit), end_(Clock::now() + limit), stop_(std::move(stop)) {
    sd_bus* bus = nullptr;
    const int result = ::sd_bus_open_system(&bus);
    bus_.reset(bus);
    if (result < 0)
      throw failure("no system bus: " + std::generic_category().message(-result),
                    "it needs systemd and D-Bus; without them reload by \"signal\" or \"exec\"");
  }

  Message make_call(const char* path, const char* interface, const char* member) {
    sd_bus_message* message = nullptr;
    check(::sd_bus_message_new_method_call(bus_.get(), &message, systemd, path, interface, member));
    return Message(message);
  }

  Message call(const Message& request) {
    Message reply;
    sd_bus_slot* slot = nullptr;
    check(::sd_bus_call_async(bus_.get(), &slot, request.get(), keep, &reply, UINT64_MAX));
    const Slot owner(slot);
    wait_until([&] { return reply != nullptr; });
    if (const auto* error = ::sd_bus_message_get_error(reply.get())) throw refusal(*error);
    return reply;
  }

  // Of type `signature`, into `value`; a text is valid for as long as the message that is returned.
  template <typename T>
  Message get(const char* path, const char* interface, const char* property, const char* signature, T& value) {
    const auto request = make_call(path, "org.freedesktop.DBus.Properties", "Get");
    check(::sd_bus_message_append(request.get(), "ss", interface, property));
    auto reply = call(request);
    check(::sd_bus_message_read(reply.get(), "v", signature, &value));
    return reply;
  }

  void on_signal(const char* member, sd_bus_message_handler_t handler, void* context) {
    check(::sd_bus_match_signal_async(bus_.get(), nullptr, systemd, manager_path, manager, member, handler, nullptr,
                                      context));
  }

  template <typename Happened>
  void wait_until(Happened happened) {
    while (!happened())
      if (check(::sd_bus_process(bus_.get(), nullptr)) == 0) wait();
  }

  int check(int result) const {
    if (result < 0) throw failure(std::generic_category().message(-result));
    return result;
  }

  Error failure(const std::string& what, std::string hint = {}) const {
    return Error(ErrorKind::hook, "cannot " + purpose_ + ": " + what, std::move(hint));
  }

 private:
  static int keep(sd_bus_message* message, void* kept, sd_bus_error*) {
    static_cast<Message*>(kept)->reset(::sd_bus_message_ref(message));
    return 0;
  }

  void wait() {
    const int events = check(::sd_bus_get_events(bus_.get()));
    std::array<pollfd, 2> sources{
        {{check(::sd_bus_get_fd(bus_.get())), static_cast<short>(events), 0}, {stop_.descriptor(), POLLIN, 0}}};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(end_ - Clock::now());
    if (left.count() <= 0)
      throw failure(
          "not finished after " + format_duration(limit_),
          "\"systemctl status\" shows what the unit is doing; one that is only slow needs a longer time-limit");
    ::poll(sources.data(), sources.size(), static_cast<int>(left.count()));
    if (sources[1].revents != 0) throw Error(ErrorKind::cancelled, "stopped before we could " + purpose_);
  }

  Error refusal(const sd_bus_error& error) const {
    const auto is = [&](const char* name) { return ::sd_bus_error_has_name(&error, name) != 0; };
    if (is("org.freedesktop.DBus.Error.InteractiveAuthorizationRequired") ||
        is("org.freedesktop.DBus.Error.AccessDenied"))
      return failure("we may not",
                     "name the unit in /etc/polkit-1/rules.d/49-everleaf.rules, and see that polkitd is installed");
    return failure(escape(error.message != nullptr ? error.message : error.name));
  }

  std::string purpose_;
  std::chrono::milliseconds limit_;
  Clock::time_point end_;
  StopEvent stop_;
  BusHandle bus_;
};

// A job of systemd and, once it is over, its result.
struct Job {
  std::string path;
  std::string result;
};

// JobRemoved(u id, o job, s unit, s result)
int on_job_removed(sd_bus_message* message, void* context, sd_bus_error*) {
  auto& job = *static_cast<Job*>(context);
  const char* path = nullptr;
  const char* result = nullptr;
  const int read = ::sd_bus_message_read(message, "uoss", nullptr, &path, nullptr, &result);
  if (read >= 0 && job.path == path) job.result = result;
  return read;
}

}  // namespace

// Asked first, as systemd answers who may not reload a unit before it looks whether there is one.
pid_t main_process(const std::string& unit, std::chrono::milliseconds limit, std::stop_token stop) {
  Bus bus("reload " + unit, limit, std::move(stop));
  char* path = nullptr;
  bus.check(::sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit.c_str(), &path));
  const std::unique_ptr<char, Release<::free>> owner(path);
  const char* load_state = nullptr;
  const auto kept = bus.get(path, "org.freedesktop.systemd1.Unit", "LoadState", "s", load_state);
  if (std::string_view(load_state) == "not-found")
    throw bus.failure("there is no such unit", "\"systemctl list-units --type=service\" shows those there are");
  std::uint32_t process = 0;
  bus.get(path, "org.freedesktop.systemd1.Service", "MainPID", "u", process);
  return static_cast<pid_t>(process);
}

// The signal comes only to a connection that stays open, and may come at once: match first, then call, then wait.
UnitReload reload_unit(const std::string& unit, std::chrono::milliseconds limit, std::stop_token stop) {
  Job job;
  Bus bus("reload " + unit, limit, std::move(stop));
  bus.on_signal("JobRemoved", on_job_removed, &job);
  const auto request = bus.make_call(manager_path, manager, "ReloadUnit");
  bus.check(::sd_bus_message_append(request.get(), "ss", unit.c_str(), "replace"));
  const auto reply = bus.call(request);
  const char* path = nullptr;
  bus.check(::sd_bus_message_read(reply.get(), "o", &path));
  job.path = path;
  bus.wait_until([&] { return !job.result.empty(); });
  if (job.result == "done") return UnitReload::done;
  if (job.result == "invalid") return UnitReload::not_running;
  if (job.result == "failed")
    throw Error(ErrorKind::rejected, "cannot reload " + unit + ": it refused its configuration or the pair",
                "the reason is in \"journalctl -u " + unit + "\"");
  throw bus.failure("its job ended as \"" + escape(job.result) + "\"");
}

}  // namespace everleaf
