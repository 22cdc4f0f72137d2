# SPDX-License-Identifier: Apache-2.0
"""A proxy of Debian's takes up what everleafd delivers, reloaded by systemd, without root."""
from host import LIVE, RULES


def test_a_reload_by_job_makes_nginx_serve_the_new_certificate(host):
    host.place(host.pair()).start_nginx().configure()
    old = host.served()
    host.start_daemon().wait_for_event("adopted")
    assert host.serves_what_is_live() and host.served() != old
    assert host.owed() == [] and not host.try_run("test", "-e", "/var/lib/everleaf/live/.upstream.next").returncode == 0
    assert host.show("everleafd", "User") == "everleaf"


def test_what_the_operator_broke_stays_owed_until_it_is_mended(host):
    host.place(host.pair()).start_nginx().configure()
    old = host.served()
    host.configure_nginx("no_such_directive;")
    host.start_daemon()
    failed = host.wait_for_event("reload-failed")
    assert "refused its configuration or the pair" in failed["EVERLEAF_ERROR"]
    host.wait_for_event("proxy-broken")
    assert failed["EVERLEAF_HINT"] == 'the reason is in "journalctl -u nginx.service"'
    assert "no_such_directive" in host.log("nginx")
    assert host.served() == old != host.serial() and host.show("nginx", "ActiveState") == "active"
    assert [owed["certificate"] for owed in host.owed()] == ["upstream"]
    assert "1 needs attention" in host.show("everleafd", "StatusText")
    host.configure_nginx().run("systemctl", "reload", "everleafd")
    host.wait_for_event("adopted")
    assert host.serves_what_is_live() and host.owed() == []
    host.wait(lambda: "attention" not in host.show("everleafd", "StatusText"), "the status is fine again")


def test_a_proxy_that_does_not_run_has_nothing_to_adopt(host):
    host.place(host.pair()).configure_nginx().configure()
    old = host.serial()
    host.start_daemon().wait_for_event("not-running")
    assert host.owed() == [] and host.serial() != old
    host.run("systemctl", "start", "nginx")
    assert host.serves_what_is_live()


def test_without_the_polkit_rule_it_says_what_is_missing(host):
    rule = host.read(RULES)
    host.run("rm", RULES)
    host.place(host.pair()).start_nginx().configure().start_daemon()
    failed = host.wait_for_event("reload-failed")
    assert "cannot reload nginx.service: we may not" in failed["EVERLEAF_ERROR"] and RULES in failed["EVERLEAF_HINT"]
    assert host.owed() and not host.serves_what_is_live()
    host.write({RULES: rule})
    host.run("systemctl", "restart", "polkit")
    host.run("systemctl", "reload", "everleafd")
    host.wait_for_event("adopted")
    assert host.serves_what_is_live()


def test_without_polkitd_it_says_so_too(host):
    host.run("rm", "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service")
    host.run("systemctl", "stop", "polkit")
    host.run("systemctl", "reload", "dbus")
    host.place(host.pair()).start_nginx().configure().start_daemon()
    failed = host.wait_for_event("reload-failed")
    assert "polkitd is installed" in failed["EVERLEAF_HINT"] and host.owed()


def test_a_unit_that_does_not_exist_is_said_and_stays_owed(host):
    host.place(host.pair()).configure(reload='{ systemd = "ngnix.service" }').start_daemon()
    failed = host.wait_for_event("reload-failed")
    assert "ngnix.service" in failed["EVERLEAF_ERROR"] and "list-units" in failed["EVERLEAF_HINT"] and host.owed()


def test_without_a_bus_it_says_so(host):
    host.place(host.pair()).start_nginx().configure()
    host.run("systemctl", "mask", "--now", "dbus.service", "dbus.socket")
    host.start_daemon()
    failed = host.wait_for_event("reload-failed")
    assert "no system bus" in failed["EVERLEAF_ERROR"] and host.owed()


def test_a_hanging_reload_ends_with_its_time_limit_and_stays_owed(host):
    host.place(host.pair()).start_nginx().configure(reload='{ systemd = "nginx.service", time-limit = "1s" }')
    host.drop_in("nginx", "hangs", "ExecReload=", "ExecReload=/bin/sleep infinity")
    host.start_daemon()
    assert "not finished after 1s" in host.wait_for_event("reload-failed")["EVERLEAF_ERROR"]
    assert host.owed()
    host.run("systemctl", "stop", "everleafd")
    assert host.show("everleafd", "Result") == "success"


def test_it_stops_while_a_reload_hangs(host):
    host.place(host.pair()).start_nginx().configure()
    host.drop_in("nginx", "hangs", "ExecReload=", "ExecReload=/bin/sleep infinity")
    host.start_daemon()
    host.wait(lambda: host.show("nginx", "ActiveState") == "reloading", "nginx reloads")
    host.run("timeout", "2", "systemctl", "stop", "everleafd")
    assert host.show("everleafd", "Result") == "success" and host.owed()


def test_a_reload_without_a_new_worker_proves_nothing(host):
    host.place(host.pair()).start_nginx().configure(reload='{ systemd = "nginx.service", time-limit = "1s" }')
    host.drop_in("nginx", "forgets", "ExecReload=", "ExecReload=/bin/true")
    host.start_daemon()
    assert "goes on with what it had" in host.wait_for_event("reload-failed")["EVERLEAF_ERROR"]
    assert host.owed()


def test_a_pair_that_nginx_refuses_after_a_signal_stays_owed(host):
    host.drop_in("everleafd", "root", "User=root", "CapabilityBoundingSet=CAP_KILL CAP_DAC_OVERRIDE CAP_FOWNER")
    host.place(host.pair()).start_nginx()
    host.configure(reload='{ signal = { pid-file = "/run/nginx.pid" }, time-limit = "1s" }')
    host.configure_nginx("no_such_directive;").start_daemon()
    assert "goes on with what it had" in host.wait_for_event("reload-failed")["EVERLEAF_ERROR"]
    host.configure_nginx().run("systemctl", "reload", "everleafd")
    host.wait_for_event("adopted")
    assert host.serves_what_is_live() and host.owed() == []


def test_old_workers_that_serve_on_are_reported(host):
    host.place(host.pair()).start_nginx("location /slow { limit_rate 1; root /srv; }").configure()
    host.write({"/srv/slow": "x" * 100_000})
    with host.connect() as download:
        download.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        assert download.recv(10)
        host.start_daemon()
        assert host.wait_for_event("draining")["EVERLEAF_WORKERS"] == "1"
        assert host.serves_what_is_live() and host.owed() == []


def test_a_reboot_does_not_forget_what_is_owed(host_with_disk):
    host = host_with_disk.place(host_with_disk.pair()).start_nginx().configure()
    host.run("systemctl", "enable", "nginx")
    host.drop_in("nginx", "broken", "ExecReload=", "ExecReload=/bin/false")
    host.start_daemon().wait_for_event("proxy-broken")
    assert host.owed()
    host.cut_power()
    host.start()
    host.wait(lambda: host.show("nginx", "ActiveState") == "active", "nginx runs", "nginx")  # asked before, systemd would start it
    host.start_daemon().wait_for_event("reload-failed")
    host.run("rm", "/etc/systemd/system/nginx.service.d/broken.conf")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "reload", "everleafd")
    host.wait_for_event("adopted")
    assert host.serves_what_is_live() and host.owed() == []


def test_a_pair_that_nginx_refuses_is_taken_back(host):
    """The operator has a copy of the key in nginx's configuration: with a new one, nothing matches."""
    host.place(host.pair()).configure_nginx().configure()
    host.shell(f"cp {LIVE}/tls.key /etc/nginx/copy.key; sed -i 's#{LIVE}/tls.key#/etc/nginx/copy.key#' /etc/nginx/nginx.conf")
    host.run("systemctl", "start", "nginx")
    old = host.served()
    host.start_daemon()
    taken_back = host.wait_for_event("taken-back")
    assert taken_back["EVERLEAF_CERTIFICATE"] == "upstream" and taken_back["EVERLEAF_DEADLINE"]
    assert host.owed() == [] and host.served() == host.serial() == old and host.show("nginx", "ActiveState") == "active"
    host.wait(lambda: "needs attention" in host.show("everleafd", "StatusText"), "the status says so")
    host.configure_nginx().run("systemctl", "reload", "everleafd")
    host.wait_for_event("adopted")
    assert host.serves_what_is_live() and host.serial() != old
