# SPDX-License-Identifier: Apache-2.0
"""The power goes in the middle of something. After the next boot the pair is whole, and what was begun is finished."""
from host import LIVE

GIVEN = f'files = {{ certificate = "{LIVE}/tls.crt", key = "{LIVE}/tls.key" }}'


def prepare(host, *keys):
    host.place(host.pair()).start_nginx().configure(*keys)
    host.run("systemctl", "enable", "everleafd", "nginx")
    return host.serial()


def renew_slowly(host, call):
    """Without the unit's sandbox, in which strace may not trace."""
    host.run("systemd-run", "--unit=slow", "--uid=everleaf", "strace", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
             "-e", f"inject={call}:delay_enter=1s", "everleafd", "--once")


def boot_and_finish(host, old):
    host.cut_power()
    host.start()
    host.wait(lambda: host.serial() != old and host.owed() == [], "delivered and taken up")
    assert host.serves_what_is_live() and host.served() != old
    assert host.show("nginx", "ActiveState") == "active" and host.show("everleafd", "NRestarts") == "0"
    assert host.run("ls", "-A", "/var/lib/everleaf/live").split() == ["upstream"]


def test_between_the_promise_to_reload_and_the_exchange(host_with_disk):
    host = host_with_disk
    old = prepare(host)
    renew_slowly(host, "renameat2")
    host.wait(host.owed, "owed", "slow")
    staged = host.run("cat", "/var/lib/everleaf/live/.upstream.next/tls.crt")
    assert host.serial() == old
    boot_and_finish(host, old)
    assert host.read(f"{LIVE}/tls.crt") == staged  # and none was asked for again


def test_between_two_of_the_given_files(host_with_disk):
    """nginx does not start with a certificate and another's key: it has to be mended before."""
    host = host_with_disk
    old = prepare(host, GIVEN)
    key = host.read(f"{LIVE}/tls.key")
    renew_slowly(host, "rename")
    host.wait(lambda: host.serial() != old, "the certificate is in place", "slow")
    assert host.read(f"{LIVE}/tls.key") == key and host.owed()
    boot_and_finish(host, old)


def test_between_the_exchange_and_the_reload(host_with_disk):
    host = host_with_disk
    old = prepare(host)
    host.start_daemon().wait_for_event("delivered")
    assert host.owed() and host.served() == old
    boot_and_finish(host, old)
