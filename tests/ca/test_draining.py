# SPDX-License-Identifier: Apache-2.0
"""Workers of a real nginx that serve on after a reload, with the certificate from before it."""
import contextlib
import json
import socket
import ssl

import pytest

from certificates import DAY, load, now
from daemon import certificate
from local_http import ask
from nginx import Nginx
from program import SANITIZED
from test_clock import at_offset  # noqa: F401 (a fixture)
from test_metrics import parse, seconds

pytestmark = pytest.mark.skipif(SANITIZED, reason="sanitizers and LD_PRELOAD do not go together")

SERVER = """
  server {{
    listen 127.0.0.1:PORT:tls ssl;
    ssl_certificate {live}/web/tls.crt; ssl_certificate_key {live}/web/tls.key;
  }}"""
METRIC = "everleaf_proxy_draining_"


class Draining:
    """An nginx with a certificate of which a quarter is left, and an everleafd that is told the time."""

    def __init__(self, everleafd, nginx, ca, clock, environment):
        self.everleafd, self.nginx, self.clock, self.environment = everleafd, nginx, clock, environment
        reload = f'{{ signal = {{ pid-file = "{nginx.pid_file}" }}, time-limit = "10s" }}'
        everleafd.configure(f"[proxy.nginx]\nreload = {reload}\n", certificate("web", subject="web.test", used_by=["nginx"]))
        self.old = ca.leaf("web.test", not_before=now() - 0.75 * DAY)
        everleafd.place("web", self.old)
        nginx.configure(SERVER.format(live=everleafd.live)).start()
        self.go_on("+0")

    def start(self):
        self.everleafd.start("env", "-u", "FAKETIME", *(f"{name}={value}" for name, value in self.environment.items() if value))
        return self

    def go_on(self, offset):
        self.clock.write_text(f"{offset}\n")
        if self.everleafd.process:
            self.everleafd.reload()

    @contextlib.contextmanager
    def request(self):
        """One that is never finished; its worker waits for it."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", self.nginx.port("tls")), 5) as connection:
            with context.wrap_socket(connection) as tls:
                tls.sendall(b"GET / HTTP/1.1\r\n")
                yield

    def status(self):
        return ask(self.everleafd.base / "everleaf.sock", "/status")[1]

    def proxy(self):
        return self.status()["proxies"][0]

    def metrics(self):
        found = parse(ask(self.everleafd.base / "everleaf.sock", "/metrics")[1])
        return [found[METRIC + name].get('proxy="nginx"') for name in ("workers", "deadline_timestamp_seconds")]


@pytest.fixture
def draining(daemon, lying_ca, tmp_path, at_offset):  # noqa: F811
    nginx = Nginx(tmp_path / "nginx")
    clock = tmp_path / "clock"
    environment = {**at_offset(""), "FAKETIME_TIMESTAMP_FILE": clock, "FAKETIME_NO_CACHE": "1"}
    yield Draining(daemon(lying_ca, root=True), nginx, lying_ca, clock, environment)
    nginx.stop()


def test_a_worker_that_outlives_its_certificate_is_an_alarm_until_it_ends(draining, everleaf):
    deadline = draining.old.certificate.not_valid_after
    with draining.request():
        draining.start().everleafd.wait_for_log("event=draining proxy=nginx workers=1")
        assert draining.proxy()["well"] and draining.status()["well"] and draining.metrics() == [1, seconds(deadline)]
        said = everleaf("status", "--config", draining.everleafd.config).succeeded().stdout
        assert f"that still serve: 1, with a certificate that expires {deadline.isoformat()}Z" in said
        draining.go_on("+4h")
        draining.everleafd.wait(lambda: draining.everleafd.log().count("event=configuration-taken") == 1)
        draining.everleafd.terminate()
        assert "drains-too-long" not in draining.everleafd.log()
        draining.clock.write_text("+330m\n")
        draining.start()  # it is known after a restart, too
        draining.everleafd.wait_for_log("level=error event=drains-too-long proxy=nginx workers=1")
        assert f"deadline={deadline.isoformat()}Z" in draining.everleafd.log().partition("drains-too-long")[2]
        proxy = draining.proxy()
        assert not proxy["well"] and "worker_shutdown_timeout" in proxy["problem"] and proxy["owed"] == []
        assert not draining.status()["well"]
        said = everleaf("status", "--config", draining.everleafd.config)
        assert said.status == 1 and "ATTENTION nginx: has taken up everything" in said.stdout, str(said)
        draining.go_on("+331m")
        draining.everleafd.wait(lambda: draining.everleafd.log().count("event=configuration-taken") == 2)
        draining.everleafd.terminate()
        again = draining.everleafd.once(**{name: str(value) for name, value in draining.environment.items() if value})
        assert again.status == 1 and "drains-too-long" not in again.stderr, str(again)
        assert draining.everleafd.log().count("drains-too-long") == 1
        draining.start().everleafd.wait(lambda: draining.everleafd.log().count("event=waiting") == 3)
        draining.everleafd.wait(lambda: not draining.proxy()["well"])
    draining.nginx.wait_for_workers(2)
    draining.everleafd.reload()
    draining.everleafd.wait(lambda: draining.proxy()["well"] and draining.status()["well"])
    assert draining.metrics() == [0, None] and draining.nginx.served("tls") == draining.everleafd.serial("web")


def test_a_worker_from_two_reloads_ago_has_the_older_certificate(draining):
    with draining.request():
        draining.start().everleafd.wait_for_log("event=draining")
        new = load(draining.everleafd.crt("web"))
        with draining.request():
            draining.go_on("+17h")
            draining.everleafd.wait_for_log("event=draining proxy=nginx workers=2")
            assert draining.metrics() == [2, seconds(draining.old.certificate.not_valid_after)]
            deadlines = [worker["deadline"] for worker in json.loads((draining.everleafd.state / "proxy.nginx.json").read_text())["draining"]]
            assert sorted(deadlines) == [f"{one.not_valid_after.isoformat()}Z" for one in (draining.old.certificate, new)]
