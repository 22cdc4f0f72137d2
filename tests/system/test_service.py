# SPDX-License-Identifier: Apache-2.0
"""everleafd and its timer as services of systemd."""
import re
import time

import pytest

from certificates import Seconds, now
from host import ENROLL, SYSTEMD
from program import wait_until


@pytest.mark.real_ca
def test_it_enrolls_from_an_encrypted_credential_and_renews(host):
    host.give_token("everleafd")
    host.configure(ENROLL, 'not-after = "10s"').configure_nginx().start_daemon()
    host.wait_for_event("not-running")
    host.run("systemctl", "start", "nginx")
    first = host.served()
    host.wait_for_event("adopted")
    assert host.serves_what_is_live() and host.served() != first


def quick_timer(host, calendar):
    host.drop_in("everleaf-renew.timer", "quick", f"OnCalendar=\nOnCalendar={calendar}", "RandomizedDelaySec=0",
                 "AccuracySec=1us", section="Timer")


@pytest.mark.real_ca
def test_the_timer_enrolls_and_renews(host):
    host.give_token("everleaf-renew")
    host.configure(ENROLL, 'not-after = "6s"').configure_nginx()
    quick_timer(host, "*:*:*")
    host.run("systemctl", "enable", "--now", "everleaf-renew.timer")
    host.wait(host.serial, "enrolled", "everleaf-renew")
    host.run("systemctl", "start", "nginx")
    first = host.served()
    host.wait_for_event("adopted", unit="everleaf-renew")
    host.wait(lambda: host.served() not in (None, first), "renewed", "everleaf-renew")


def test_the_timer_catches_up_after_downtime(host):
    host.place(host.pair()).start_nginx().configure()
    quick_timer(host, "daily")
    host.run("mkdir", "-p", "/var/lib/systemd/timers")
    host.run("touch", "-d", "3 days ago", "/var/lib/systemd/timers/stamp-everleaf-renew.timer")
    host.run("systemctl", "start", "everleaf-renew.timer")
    host.wait_for_event("adopted", unit="everleaf-renew")
    assert host.serves_what_is_live()


def test_daemon_and_timer_cannot_work_at_once(host):
    host.place(host.pair(not_before=now())).configure().start_daemon()
    host.wait_for_event("waiting")
    assert host.try_run("systemctl", "start", "everleaf-renew").returncode != 0
    assert "another everleafd is using /var/lib/everleaf" in host.log("everleaf-renew")
    assert host.show("everleafd", "ActiveState") == "active"
    host.run("systemctl", "stop", "everleafd")
    host.run("systemctl", "start", "everleaf-renew")
    assert host.show("everleaf-renew", "Result") == "success"


def test_systemd_knows_how_it_stands(host):
    host.place(host.pair(not_before=now())).configure().start_daemon()
    renewal = host.wait_for_event("waiting")["EVERLEAF_RENEWAL"]
    assert host.show("everleafd", "StatusText") == f"1 certificate, next renewal upstream at {renewal}"
    host.configure('survive = "8h"').run("systemctl", "reload", "everleafd")
    host.wait_for_event("configuration-taken")
    assert host.show("everleafd", "ActiveState") == "active"
    host.run("systemctl", "stop", "everleafd")
    assert host.show("everleafd", "Result") == "success"


def test_it_makes_its_directories_with_their_modes(host):
    host.run("rm", "-r", "/var/lib/everleaf")
    host.configure('enroll = { token-file = "/etc/everleaf/none" }').start_daemon().wait_for_event("failed")
    modes = host.run("stat", "-c", "%a %U %n", *(f"/var/lib/everleaf{path}" for path in ("", "/live", "/state")))
    assert modes.splitlines() == ["711 everleaf /var/lib/everleaf", "711 everleaf /var/lib/everleaf/live",
                                  "700 everleaf /var/lib/everleaf/state"]


def test_a_credential_that_it_may_not_read_is_said_and_what_works_stays(host):
    host.write({"/etc/everleaf/token": host.ca.token("other")}, mode=0o600)
    host.place(host.pair()).start_nginx()
    host.configure("[certificate.other]", 'subject = "other"', 'enroll = { token-file = "/etc/everleaf/token" }').start_daemon()
    failed = host.wait_for_event("failed")
    assert failed["EVERLEAF_CERTIFICATE"] == "other" and "/etc/everleaf/token" in failed["EVERLEAF_ERROR"]
    assert "LoadCredential" in failed["EVERLEAF_HINT"]
    host.wait_for_event("adopted")
    assert host.serves_what_is_live()


def test_a_credential_that_is_missing_is_a_failed_unit_and_the_proxy_serves_on(host):
    host.drop_in("everleafd", "token", "LoadCredentialEncrypted=token:/etc/everleaf/token.cred")
    host.place(host.pair()).start_nginx().configure(ENROLL)
    assert host.try_run("systemctl", "start", "everleafd").returncode != 0
    assert host.show("everleafd", "ExecMainStatus") == "243" and host.serves_what_is_live()


def test_a_configuration_that_is_wrong_at_start_is_a_failed_unit(host):
    host.configure('subjekt = "x"')
    assert host.try_run("systemctl", "start", "everleafd").returncode != 0
    assert "unknown key" in host.log("everleafd")


def test_events_are_entries_of_the_journal_with_fields(host):
    host.place(host.pair()).configure_nginx("no_such_directive;").configure(reload='{ systemd = "no-such.service" }')
    host.start_daemon()
    failed = host.wait_for_event("reload-failed")
    delivered = host.journal("EVERLEAF_CERTIFICATE=upstream", "EVERLEAF_EVENT=delivered")[0]
    assert failed["PRIORITY"] == "4" and failed["EVERLEAF_PROXY"] == "front"
    assert failed["MESSAGE"].startswith("event=reload-failed proxy=front error=")
    assert delivered["PRIORITY"] == "6" and delivered["_SYSTEMD_UNIT"] == "everleafd.service"
    assert int(delivered["EVERLEAF_SERIAL"], 16) == host.serial()


# The watchdog

def test_a_stopped_loop_is_restarted_by_the_watchdog(host):
    host.drop_in("everleafd", "watchdog", "WatchdogSec=1s", "RestartSec=0")
    host.place(host.pair(not_before=now())).configure().start_daemon()
    process = host.show("everleafd", "MainPID")
    host.run("kill", "-STOP", process)
    host.wait(lambda: host.show("everleafd", "NRestarts") == "1", "restarted")
    host.wait(lambda: host.show("everleafd", "ActiveState") == "active", "up again")
    assert "Watchdog timeout" in host.log("everleafd")


def test_a_stuck_worker_is_no_progress(host):
    host.drop_in("everleafd", "watchdog", "WatchdogSec=1s", "RestartSec=0")
    host.place(host.pair()).start_nginx().configure(reload='{ systemd = "nginx.service", time-limit = "100ms" }')
    host.drop_in("nginx", "broken", "ExecReload=", "ExecReload=/bin/false")
    host.start_daemon().wait_for_event("reload-failed")
    process = host.show("everleafd", "MainPID")
    host.run("systemd-run", "--unit=strace", "strace", "-f", "-p", process, "-e", "inject=connect:delay_enter=600s")
    host.wait(lambda: "attached" in host.log("strace"), "strace is there")
    host.run("systemctl", "reload", "everleafd")
    host.wait(lambda: "Watchdog timeout" in host.log("everleafd"), "no progress is seen", seconds=60)
    host.run("systemctl", "kill", "--signal=KILL", "strace")  # which would hold it until the delay is over
    host.wait(lambda: host.show("everleafd", "NRestarts") == "1", "restarted")


# Time

def test_what_falls_due_in_a_suspend_is_renewed_at_once_afterwards(host):
    host.place(host.pair(not_before=now() - Seconds(seconds=8), lifetime=Seconds(seconds=20)))
    host.start_nginx().configure().start_daemon()
    host.wait_for_event("waiting")
    host.freeze()
    due = now() + Seconds(seconds=6)
    wait_until(lambda: now() > due, what="it is due")
    host.thaw()
    thawed = time.monotonic()
    host.wait_for_event("adopted", seconds=10)
    assert time.monotonic() - thawed < 5 and host.serves_what_is_live()


# The sandbox

def test_the_exposure_is_below_two(host):
    for unit in ("everleafd.service", "everleaf-renew.service"):
        answer = host.try_run("systemd-analyze", "security", "--no-pager", unit, "--threshold=20")
        assert answer.returncode == 0, answer.stdout
        assert float(re.search(r"exposure level for \S+: ([0-9.]+)", answer.stdout)[1]) < 2
        host.run("systemd-analyze", "verify", "--man=no", f"/usr/lib/systemd/system/{unit}")


def test_both_units_have_the_same_sandbox():
    def sandbox(name):
        lines = (SYSTEMD / name).read_text().split("\nUser=everleaf\n")[1].split("[Install]")[0].splitlines()
        return [line for line in lines if line and not line.startswith("#")]
    assert sandbox("everleafd.service") == sandbox("everleaf-renew.service")


def test_the_sandbox_denies_what_a_renewal_does_not_need(host):
    host.write({"/etc/ssl/private/other.key": "secret"}, mode=0o600)
    host.place(host.pair()).start_nginx().prepare_sandbox()
    assert host.may("touch /var/lib/everleaf/live/x")
    assert host.may("systemctl reload nginx")
    assert host.may("grep 'nginx: master process' /proc/$(cat /run/nginx.pid)/cmdline")
    for forbidden in ("touch /etc/everleaf/x", "touch /usr/bin/x", "cat /etc/ssl/private/other.key", "ls /root",
                      "systemctl stop nginx", "systemctl restart nginx", "systemctl start haproxy",
                      "systemctl reload everleafd", "kill -HUP $(cat /run/nginx.pid)", "unshare --user true",
                      "cat /dev/kmsg"):
        assert not host.may(forbidden), forbidden
    assert host.show("nginx", "ActiveState") == "active"
