# SPDX-License-Identifier: Apache-2.0
"""A reload counts when the proxy shows the new certificate: with a real nginx."""
import json
import re
import socket

import pytest

from certificates import DAY, load, now
from daemon import certificate
from nginx import Nginx, sections


@pytest.fixture
def nginx(tmp_path):
    nginx = Nginx(tmp_path / "nginx")
    yield nginx
    nginx.stop()


def due_pair(ca, **differently):
    return ca.leaf(**{"not_before": now() - 0.75 * DAY, **differently})


def from_page(heading, everleafd, number=0):
    """A block of docs/nginx.md with paths and ports of this test."""
    text = sections("nginx")[heading][number]
    text = text.replace("/var/lib/everleaf/live", str(everleafd.live))
    return re.sub(r"listen (127.0.0.1:)?(\d+)|(127\.0\.0\.1:)(9\d+)",
                  lambda found: ("listen " if found[2] else "") + f"127.0.0.1:PORT:at_{found[2] or found[4]}", text)


def proxy(nginx, *keys, reload=None):
    reload = reload or f"exec = {json.dumps(nginx.reload_arguments())}"
    return "\n".join(["[proxy.nginx]", f'reload = {{ {reload}, time-limit = "2s" }}', *keys, ""])


def echo(nginx, name="upstream"):
    return f"http://127.0.0.1:{nginx.port('at_9181')}/everleaf/{name}"


def shown(nginx, name="upstream"):
    """The serial that nginx shows as a client."""
    return int(nginx.get("at_9181", f"/everleaf/{name}")[1].split()[0], 16)


def in_hex(serial):
    return serial.to_bytes((serial.bit_length() + 7) // 8, "big").hex()


def owed(everleafd):
    return [one["certificate"] for one in everleafd.owed("nginx")]


@pytest.fixture
def echoing(daemon, lying_ca, nginx):
    """echoing(reload) makes an nginx that echoes, a daemon whose certificate is due, and starts nginx."""
    def make(reload=None):
        everleafd = daemon(lying_ca, proxy(nginx, f'probe = {{ echo = "{echo(nginx)}" }}', reload=reload),
                           certificate("upstream", used_by=["nginx"]))
        everleafd.place("upstream", due_pair(lying_ca))
        nginx.configure(from_page("The echo", everleafd)).start()
        return everleafd
    return make


@pytest.mark.parametrize("by", ["exec", "signal"])
def test_an_echo_proves_that_nginx_presents_the_new_certificate(echoing, nginx, by):
    everleafd = echoing(f'signal = {{ pid-file = "{nginx.pid_file}" }}' if by == "signal" else None)
    old = shown(nginx)
    everleafd.once().succeeded()
    assert shown(nginx) == everleafd.serial("upstream") != old and owed(everleafd) == []


def test_a_reload_that_changes_nothing_is_seen(echoing, nginx, lying_ca):
    everleafd = echoing('exec = ["true"]')
    old = shown(nginx)
    result = everleafd.once()
    assert result.status == 1 and "event=unproven certificate=upstream proxy=nginx" in result.stderr, str(result)
    assert f"it shows serial {in_hex(old)} instead of {in_hex(everleafd.serial('upstream'))}" in result.stderr
    deadline = load(everleafd.live / ".upstream.next" / "tls.crt").not_valid_after.isoformat()
    assert f"deadline={deadline}Z" in result.stderr and "level=warning" in result.stderr
    assert shown(nginx) == old and owed(everleafd) == ["upstream"]
    assert "level=error event=unproven" in everleafd.once().stderr  # it is not a short disturbance
    everleafd.write(everleafd.config.read_text().replace('["true"]', json.dumps(nginx.reload_arguments())))
    everleafd.once().succeeded()
    assert shown(nginx) == everleafd.serial("upstream") and len(lying_ca.asked("rekey")) == 1


def test_a_worker_from_before_the_reload_proves_nothing(echoing, nginx):
    everleafd = echoing('exec = ["true"]')
    everleafd.once()
    nginx.reload()
    result = everleafd.once()
    assert shown(nginx) == everleafd.serial("upstream")
    assert result.status == 1 and "from before the reload" in result.stderr, str(result)


@pytest.mark.parametrize("path, words", [("/nowhere", "/nowhere answered 404"), ("/text", '/text is no echo: \\"hello')])
def test_what_is_no_echo_is_said(echoing, nginx, path, words):
    everleafd = echoing()
    everleafd.write(everleafd.config.read_text().replace("/everleaf/upstream", path))
    nginx.configure(from_page("The echo", everleafd).replace("access_log off;", 'location = /text { return 200 hello; } location = /nowhere { return 404; }', 1))
    result = everleafd.once()
    assert result.status == 1 and words in result.stderr, str(result)
    assert owed(everleafd) == ["upstream"]


def test_an_nginx_that_does_not_answer_is_said(echoing, nginx):
    everleafd = echoing('exec = ["true"]')
    nginx.stop()
    result = everleafd.once()
    assert result.status == 1 and f"cannot talk to http://127.0.0.1:{nginx.port('at_9181')}" in result.stderr, str(result)
    assert owed(everleafd) == ["upstream"]


def test_a_daemon_tries_again_until_it_is_proven(echoing, nginx):
    everleafd = echoing('exec = ["true"]').start()
    everleafd.wait_for_log("event=unproven")
    everleafd.write(everleafd.config.read_text().replace('["true"]', json.dumps(nginx.reload_arguments())))
    everleafd.reload()
    everleafd.wait_for_log("event=adopted")
    everleafd.terminate()
    assert shown(nginx) == everleafd.serial("upstream")


def test_it_stops_while_it_asks(echoing):
    everleafd = echoing('exec = ["true"]')
    everleafd.write(everleafd.config.read_text().replace('"2s"', '"100s"'))
    everleafd.start()
    everleafd.wait_for_log("event=delivered")
    everleafd.wait(lambda: owed(everleafd) == ["upstream"])
    everleafd.terminate()
    assert owed(everleafd) == ["upstream"]


# A proxy that is a server

SERVER = """
  server {{
    listen 127.0.0.1:PORT:tls ssl; server_name {name};
    ssl_certificate {live}/{certificate}/tls.crt; ssl_certificate_key {live}/{certificate}/tls.key;
  }}"""


@pytest.fixture
def serving(daemon, lying_ca, nginx):
    """An nginx that serves two certificates at one port, by the name it is asked for."""
    def make(reload=None):
        names = ["web.test", "mail.test"]
        probes = [f'{{ certificate = "{name[:-5]}", tls = "127.0.0.1:{nginx.port("tls")}" }}' for name in names]
        everleafd = daemon(lying_ca, proxy(nginx, f"probe = [{', '.join(probes)}]", reload=reload),
                           *(certificate(name[:-5], subject=name, used_by=["nginx"]) for name in names))
        for name in names:
            everleafd.place(name[:-5], due_pair(lying_ca, subject=name))
        nginx.configure(*(SERVER.format(name=name, live=everleafd.live, certificate=name[:-5]) for name in names)).start()
        return everleafd
    return make


def test_what_is_served_is_compared_for_each_name(serving, nginx):
    everleafd = serving()
    everleafd.once().succeeded()
    for name in ("web", "mail"):
        assert nginx.served("tls", f"{name}.test") == everleafd.serial(name)
    assert owed(everleafd) == []


def test_a_server_that_never_answers_takes_no_time_from_the_others(serving, nginx):
    everleafd = serving()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        served = f'"web", tls = "127.0.0.1:{nginx.port("tls")}"'
        assert served in everleafd.config.read_text()
        everleafd.write(everleafd.config.read_text().replace(served, f'"web", tls = "127.0.0.1:{silent.getsockname()[1]}"'))
        result = everleafd.once()
    assert result.status == 1 and "event=unproven certificate=web" in result.stderr, str(result)
    assert "event=adopted certificate=mail" in result.stderr and owed(everleafd) == ["web"]


def test_only_what_is_not_served_stays_owed(serving, nginx):
    everleafd = serving()
    old = nginx.served("tls", "mail.test")
    (nginx.directory / "old").mkdir()
    for file in ("tls.crt", "tls.key"):
        (nginx.directory / "old" / file).write_bytes((everleafd.live / "mail" / file).read_bytes())
    nginx.configuration.write_text(nginx.configuration.read_text().replace(f"{everleafd.live}/mail/", f"{nginx.directory}/old/"))
    result = everleafd.once()
    assert result.status == 1 and "event=unproven certificate=mail" in result.stderr, str(result)
    assert "event=adopted certificate=web" in result.stderr and owed(everleafd) == ["mail"]
    assert f"it serves serial {in_hex(old)} instead of {in_hex(everleafd.serial('mail'))}" in result.stderr
