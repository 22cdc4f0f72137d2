# SPDX-License-Identifier: Apache-2.0
"""Debian's HAProxy takes up what everleafd delivers, under systemd and without root."""
BY_JOB = '{ systemd = "haproxy.service" }'
SOCKET = "/run/haproxy/everleaf.sock"
BY_SOCKET = f'{{ haproxy = {{ socket = "{SOCKET}" }} }}'
STATS = f"stats socket {SOCKET} user everleaf mode 600 level admin"


def worker(host):
    """The process that serves; a reload makes another one."""
    return host.run("pgrep", "--parent", host.show("haproxy", "MainPID")).split()


def test_a_reload_by_job_makes_it_serve_the_new_certificate(host):
    host.place(host.pair()).start_haproxy().configure(reload=BY_JOB)
    old = host.served()
    host.start_daemon().wait_for_event("adopted")
    host.wait(lambda: host.served() not in (None, old), "HAProxy serves the new one", "haproxy")
    assert host.serves_what_is_live() and host.owed() == []


def test_what_the_operator_broke_stays_owed_until_it_is_mended(host):
    host.place(host.pair()).start_haproxy().configure(reload=BY_JOB)
    old = host.served()
    host.configure_haproxy("no such keyword").start_daemon()
    assert "refused its configuration or the pair" in host.wait_for_event("reload-failed")["EVERLEAF_ERROR"]
    host.wait(lambda: host.show("haproxy", "ActiveState") == "active", "the reload is over", "haproxy")
    assert host.served() == old and host.owed()
    host.configure_haproxy().run("systemctl", "reload", "everleafd")
    host.wait_for_event("adopted")
    host.wait(host.serves_what_is_live, "HAProxy serves the new one", "haproxy")


def test_its_runtime_api_takes_the_new_one_without_a_reload(host):
    host.place(host.pair()).start_haproxy(settings=[STATS]).configure(reload=BY_SOCKET)
    old, before = host.served(), worker(host)
    host.start_daemon().wait_for_event("adopted")
    assert host.serves_what_is_live() and host.served() != old
    assert worker(host) == before and host.owed() == []
    assert host.run("stat", "-c", "%U %a", SOCKET) == "everleaf 600\n"
    host.run("systemctl", "restart", "haproxy")
    assert host.serves_what_is_live()


def test_a_socket_that_is_not_for_everleaf_is_said_and_stays_owed(host):
    host.place(host.pair()).start_haproxy(settings=[f"stats socket {SOCKET} mode 600 level admin"])
    host.configure(reload=BY_SOCKET).start_daemon()
    failed = host.wait_for_event("reload-failed")
    assert "Permission denied" in failed["EVERLEAF_ERROR"] and STATS in failed["EVERLEAF_HINT"] and host.owed()
    host.configure_haproxy(settings=[STATS]).run("systemctl", "restart", "haproxy")
    host.run("systemctl", "reload", "everleafd")
    host.wait_for_event("adopted")
    assert host.serves_what_is_live() and host.owed() == []


def test_a_haproxy_that_does_not_run_stays_owed_until_it_does(host):
    host.place(host.pair()).configure_haproxy(settings=[STATS]).configure(reload=BY_SOCKET)
    host.start_daemon()
    assert f'"{STATS}"' in host.wait_for_event("reload-failed")["EVERLEAF_HINT"]
    host.run("systemctl", "start", "haproxy")
    host.run("systemctl", "reload", "everleafd")
    host.wait_for_event("adopted")
    assert host.serves_what_is_live() and host.owed() == []
