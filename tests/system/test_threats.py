# SPDX-License-Identifier: Apache-2.0
"""What docs/threat-model.md says: what a compromised everleafd can do to its proxies, and what it and others cannot."""
import pytest

from certificates import issue
from host import LIVE

OTHER_KEY, OTHER_CRT = "/etc/ssl/private/other.key", "/etc/ssl/certs/other.crt"


@pytest.fixture
def serving(host):
    """An nginx with a certificate of everleafd's, and another pair that is root's alone."""
    host.other = issue(host.ca.intermediate, "other", names=["other"])
    host.write({OTHER_KEY: host.other.key_pem}, mode=0o600)
    host.write({OTHER_CRT: host.other.chain_pem})
    return host.place(host.pair()).start_nginx().prepare_sandbox()


def reload_nginx(host):
    return host.may("systemctl reload nginx")


def test_it_can_keep_a_proxy_from_taking_anything_up_and_from_starting(serving):
    before = serving.served()
    assert serving.may(f"rm {LIVE}/tls.key")
    assert not reload_nginx(serving) and serving.served() == before
    assert serving.try_run("systemctl", "restart", "nginx").returncode != 0 and serving.served() is None


def test_it_can_make_nginx_use_a_key_that_it_cannot_read(serving):
    assert not serving.may(f"cat {OTHER_KEY}")
    assert serving.may(f"cp {OTHER_CRT} {LIVE}/tls.crt && ln -sf {OTHER_KEY} {LIVE}/tls.key")
    assert reload_nginx(serving)
    serving.wait(lambda: serving.served() == serving.other.certificate.serial_number, "nginx uses the other key")


@pytest.mark.parametrize("secret", ["/etc/shadow", OTHER_KEY])
def test_what_nginx_refuses_is_shown_to_nobody(serving, secret):
    before = serving.served()
    words = serving.read(secret).split()
    assert serving.may(f"ln -sf {secret} {LIVE}/tls.crt")
    assert not reload_nginx(serving) and serving.served() == before
    shown = serving.log("nginx") + serving.read("/var/log/nginx/error.log")
    assert f"{LIVE}/tls.crt" in shown and not [word for word in words if len(word) > 20 and word in shown]


def test_a_fifo_as_key_hangs_a_reload_and_not_what_is_served(serving):
    serving.drop_in("nginx", "patience", "TimeoutStartSec=2s")
    before = serving.served()
    assert serving.may(f"mv {LIVE}/tls.key {LIVE}/kept && mkfifo {LIVE}/tls.key")
    assert not reload_nginx(serving) and serving.served() == before
    assert serving.may(f"mv {LIVE}/kept {LIVE}/tls.key") and reload_nginx(serving)


def test_anybody_else_reads_no_key_and_no_state_and_reloads_nothing(serving):
    serving.configure().start_daemon().wait_for_event("adopted")
    assert serving.anybody_may(f"cat {LIVE}/tls.crt {LIVE}/ca.crt")
    for forbidden in (f"cat {LIVE}/tls.key", f"cat {LIVE}/tls.pem", f"touch {LIVE}/x", "ls /var/lib/everleaf/live",
                      "ls /var/lib/everleaf/state", "touch /etc/everleaf/conf.d/x.toml", "systemctl reload nginx",
                      "systemctl reload everleafd", "kill $(pidof everleafd)",
                      "cat /proc/$(pidof everleafd)/environ", "everleafd --once"):
        assert not serving.anybody_may(forbidden), forbidden
    assert serving.show("everleafd", "ActiveState") == "active"
