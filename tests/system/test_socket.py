# SPDX-License-Identifier: Apache-2.0
"""Who may ask everleafd, as a service of systemd without root."""
import json

from certificates import now

SOCKET = "/run/everleaf/everleaf.sock"


def running(host):
    host.place(host.pair(not_before=now())).configure().start_daemon()
    host.wait_for_event("waiting")
    host.run("useradd", "--no-create-home", "--groups", "everleaf-admin", "alice")
    host.run("useradd", "--no-create-home", "bob")
    return host


def try_as(host, user, *command):
    return host.try_run("setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *command)


def test_the_socket_belongs_to_the_admin_group(host):
    running(host)
    modes = host.run("stat", "-c", "%a %U %G %F", "/run/everleaf", SOCKET)
    assert modes.splitlines() == ["2750 everleaf everleaf-admin directory", "660 everleaf everleaf-admin socket"]
    assert host.events("not-listening") == []


def test_members_of_the_group_and_root_may_ask(host):
    running(host)
    for user in ("alice", "root"):
        said = try_as(host, user, "everleaf", "status", "--json")
        assert said.returncode == 0, said.stderr
        assert json.loads(said.stdout)["certificates"][0]["name"] == "upstream"
    for user in ("bob", "www-data"):
        for command in ("status", ["renew", "upstream"]):
            said = try_as(host, user, "everleaf", *([command] if command == "status" else command))
            assert said.returncode == (2 if command == "status" else 1)
            assert "Permission denied" in said.stderr and "everleaf-admin" in said.stderr
    assert host.events("renewal-asked") == []


def test_who_asked_for_a_renewal_is_logged(host):
    running(host).start_nginx()
    before = host.serial()
    said = try_as(host, "alice", "everleaf", "renew", "upstream")
    assert said.returncode == 0, said.stderr
    assert host.serves_what_is_live() and host.serial() != before
    assert host.wait_for_event("renewal-asked")["EVERLEAF_UID"] == host.run("id", "-u", "alice").strip()


def test_a_stop_takes_the_socket_away_and_a_kill_does_not_matter(host):
    running(host)
    host.drop_in("everleafd", "quick", "RestartSec=0")
    host.run("systemctl", "kill", "--signal=KILL", "everleafd")
    host.wait(lambda: host.try_run("everleaf", "status").returncode == 0, "it answers again")
    host.run("systemctl", "stop", "everleafd")
    assert host.try_run("test", "-e", SOCKET).returncode == 1
    assert host.try_run("everleaf", "status").returncode == 2


def test_without_its_directory_it_renews_all_the_same(host):
    host.run("rm", "-r", "/run/everleaf")
    host.place(host.pair()).start_nginx().configure().start_daemon()
    host.wait_for_event("adopted")
    assert "/run/everleaf" in host.wait_for_event("not-listening")["EVERLEAF_ERROR"]


def test_a_plan_needs_the_right_to_read(host):
    running(host)
    assert "upstream: rekey at " in host.run("everleaf", "plan")
    assert "upstream: rekey at " in try_as(host, "everleaf", "everleaf", "plan").stdout
    refused = try_as(host, "alice", "everleaf", "plan")
    assert refused.returncode == 1 and "as that user or as root" in refused.stderr
