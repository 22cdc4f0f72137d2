# SPDX-License-Identifier: Apache-2.0
"""Who may read the key of a certificate that everleafd keeps, without root."""
from host import LIVE


def may(host, user, command):
    arguments = ("setpriv", f"--reuid={user}", "--clear-groups", f"--regid={host.run('id', '-g', user).strip()}")
    return host.try_run(*arguments, "sh", "-c", command).returncode == 0


def test_a_group_that_is_named_reads_the_key_and_nobody_else_does(host):
    host.place(host.pair()).configure('readers = ["www-data"]').start_daemon().wait_for_event("delivered")
    for file in ("tls.key", "tls.pem"):
        assert may(host, "www-data", f"cat {LIVE}/{file}") and not may(host, "nobody", f"cat {LIVE}/{file}")
        assert not may(host, "www-data", f"echo x >>{LIVE}/{file}")
    for file in ("tls.crt", "ca.crt"):
        assert may(host, "nobody", f"cat {LIVE}/{file}")
    assert not may(host, "www-data", "ls /var/lib/everleaf/live") and not may(host, "www-data", "ls /var/lib/everleaf/state")
    assert host.run("stat", "-c", "%U", f"{LIVE}/tls.key") == "everleaf\n"


def test_what_nobody_can_do_is_said_before_it_is_tried(host):
    host.configure('readers = ["no-such-group"]')
    refused = host.try_run("everleafd", "--check")
    assert refused.returncode == 1 and 'there is no group "no-such-group"' in refused.stderr
    host.configure('owner = "www-data"')
    refused = host.try_run("everleafd", "--check")  # by root, for the user of everleafd
    assert refused.returncode == 1 and '"owner" works only for root' in refused.stderr
    assert host.try_run("systemctl", "start", "everleafd").returncode != 0


def test_a_sandbox_that_hides_groups_is_found_before_the_ca_is_asked(host):
    host.drop_in("everleafd", "users", "PrivateUsers=yes")
    host.place(host.pair()).configure('readers = ["www-data"]')
    old = host.serial()
    failed = host.start_daemon().wait_for_event("failed")
    assert "cannot let other groups read" in failed["EVERLEAF_ERROR"] and "PrivateUsers=" in failed["EVERLEAF_HINT"]
    assert host.serial() == old and not host.events("obtained")
