# SPDX-License-Identifier: Apache-2.0
"""A proxy or an upstream refuses what is new: what worked stays, the new one waits, and somebody is told until when."""
import json
import os
import shutil
import socket
import socketserver
import ssl
import threading

import pytest

from certificates import DAY, issue, load, now, pair_matches
from daemon import certificate
from faults import KILL, with_fault
from nginx import Nginx
from program import BINARIES, environment, wait_until

SERVER = """
  server {{
    listen 127.0.0.1:PORT:tls ssl; server_name {name}.test;
    ssl_certificate {live}/{name}/tls.crt; ssl_certificate_key {key};
  }}"""


@pytest.fixture
def nginx(tmp_path):
    nginx = Nginx(tmp_path / "nginx")
    yield nginx
    nginx.stop()


def due_pair(ca, **differently):
    return ca.leaf(**{"not_before": now() - 0.75 * DAY, **differently})


def proxy(argv, *keys):
    return "\n".join(["[proxy.nginx]", f'reload = {{ exec = {json.dumps(argv)}, time-limit = "2s" }}', *keys, ""])


def owed(everleafd):
    state = everleafd.state / "proxy.nginx.json"
    return [one["certificate"] for one in json.loads(state.read_text())["owed"]] if state.exists() else []


def pending(everleafd, name):
    return load(everleafd.live / f".{name}.next" / "tls.crt").serial_number


def expiry(everleafd, name):
    return load(everleafd.crt(name)).not_valid_after.isoformat() + "Z"


class Fleet:
    """Certificates on one nginx, all due. Those that are `pinned` have a copy of their key in nginx's configuration, as
    operators do: with a new key, nginx refuses the pair."""

    def __init__(self, everleafd, nginx, names, ca):
        self.everleafd, self.nginx, self.names = everleafd, nginx, names
        for name in names:
            everleafd.place(name, due_pair(ca, subject=f"{name}.test"))
            shutil.copy(everleafd.live / name / "tls.key", nginx.directory / f"{name}.key")
        self.old = {name: everleafd.serial(name) for name in names}

    def configure(self, *more, pinned=()):
        self.nginx.configure(*more, *(
            SERVER.format(name=name, live=self.everleafd.live,
                          key=self.nginx.directory / f"{name}.key" if name in pinned else self.everleafd.live / name / "tls.key")
            for name in self.names))
        return self

    def served(self, name):
        return self.nginx.served("tls", f"{name}.test")

    def serves_what_is_live(self, name):
        """After a reload old workers answer for a tenth of a second."""
        return wait_until(lambda: self.served(name) == self.everleafd.serial(name), what=f"{name} is served")


@pytest.fixture
def fleet(daemon, lying_ca, nginx, hook):
    """Reloads go through `hook`, which counts them."""
    def make(*names, pinned=()):
        hook.order.write_text("exec " + " ".join(nginx.reload_arguments()))
        everleafd = daemon(lying_ca, proxy([str(hook.script)]),
                           *(certificate(name, subject=f"{name}.test", used_by=["nginx"]) for name in names))
        fleet = Fleet(everleafd, nginx, names, lying_ca).configure(pinned=pinned)
        nginx.start()
        return fleet
    return make


def test_a_pair_that_nginx_refuses_is_taken_back_and_waits(fleet, hook, lying_ca):
    proxies = fleet("web", pinned=["web"])
    everleafd = proxies.everleafd
    result = everleafd.once()
    assert result.status == 1 and "event=taken-back certificate=web proxy=nginx" in result.stderr, str(result)
    assert "key values mismatch" in result.stderr and f"deadline={expiry(everleafd, 'web')}" in result.stderr
    assert everleafd.serial("web") == proxies.old["web"] == proxies.served("web") and everleafd.has_pair("web")
    new = pending(everleafd, "web")
    assert new != proxies.old["web"] and owed(everleafd) == [] and hook.calls() == 3  # refused, still, and not without it
    assert everleafd.once().status == 1  # offered once more, and refused again
    assert everleafd.serial("web") == proxies.old["web"] == proxies.served("web") and pending(everleafd, "web") == new
    proxies.configure()
    everleafd.once().succeeded()
    assert proxies.serves_what_is_live("web") and everleafd.serial("web") == new and len(lying_ca.asked("rekey")) == 1
    assert os.listdir(everleafd.live) == ["web"] and not list(everleafd.state.glob("withheld.*"))


def test_the_daemon_offers_again_what_was_taken_back_after_sighup(fleet, lying_ca):
    proxies = fleet("web", pinned=["web"])
    everleafd = proxies.everleafd.start()
    everleafd.wait_for_log("event=taken-back")
    new = pending(everleafd, "web")
    proxies.configure()
    everleafd.reload()
    everleafd.wait_for_log("event=adopted")
    everleafd.terminate()
    assert proxies.serves_what_is_live("web") and everleafd.serial("web") == new and len(lying_ca.asked("rekey")) == 1


def test_a_configuration_that_was_broken_before_blames_no_certificate(fleet, hook):
    proxies = fleet("web", "mail")
    everleafd = proxies.everleafd
    proxies.configure("no_such_directive;")
    result = everleafd.once()
    assert result.status == 1 and "event=proxy-broken proxy=nginx" in result.stderr, str(result)
    assert "no_such_directive" in result.stderr and "taken-back" not in result.stderr
    for name in proxies.names:
        assert everleafd.serial(name) != proxies.old[name] == proxies.served(name) and everleafd.has_pair(name)
    assert sorted(owed(everleafd)) == ["mail", "web"]
    proxies.configure()
    everleafd.once().succeeded()
    assert all(proxies.serves_what_is_live(name) for name in proxies.names) and owed(everleafd) == []


@pytest.mark.parametrize("bad", [["c7"], ["c3", "c15"]], ids=["one", "two"])
def test_bad_ones_of_twenty_hold_up_nobody_else(fleet, hook, bad):
    names = [f"c{number}" for number in range(20)]
    proxies = fleet(*names, pinned=bad)
    everleafd = proxies.everleafd
    everleafd.start()
    everleafd.wait(lambda: everleafd.log().count("event=adopted") == 20 - len(bad), 60)
    everleafd.terminate()
    for name in names:
        assert proxies.serves_what_is_live(name) and everleafd.has_pair(name)
        assert (everleafd.serial(name) == proxies.old[name]) == (name in bad)
    assert everleafd.log().count("event=taken-back") == len(bad) and owed(everleafd) == []


def test_twenty_certificates_are_one_reload(fleet, hook):
    proxies = fleet(*(f"c{number}" for number in range(20)))
    proxies.everleafd.once().succeeded()  # the daemon's settle window may end earlier: tests/daemon has it in virtual time
    assert hook.calls() == 1 and all(proxies.serves_what_is_live(name) for name in proxies.names)


@pytest.mark.parametrize("times", [1, 3])
def test_a_reload_that_fails_some_times_is_adopted_in_the_end(fleet, hook, times):
    proxies = fleet("web")
    everleafd = proxies.everleafd
    works = hook.order.read_text()
    hook.fail()
    for _ in range(times):
        result = everleafd.once()
        assert result.status == 1 and owed(everleafd) == ["web"], str(result)
        assert everleafd.serial("web") != proxies.old["web"] == proxies.served("web")
    hook.order.write_text(works)
    everleafd.once().succeeded()
    assert proxies.serves_what_is_live("web") and owed(everleafd) == []


def test_a_reload_that_hangs_takes_nothing_back(fleet, hook):
    proxies = fleet("web")
    everleafd = proxies.everleafd
    works = hook.order.read_text()
    hook.hang()
    result = everleafd.once()
    assert result.status == 1 and "did not finish within 2s" in result.stderr and "deadline=" in result.stderr, str(result)
    assert everleafd.serial("web") != proxies.old["web"] == proxies.served("web") and owed(everleafd) == ["web"]
    hook.order.write_text(works)
    everleafd.once().succeeded()
    assert proxies.serves_what_is_live("web")


# Somebody else's hand

def put(everleafd, pair, name="web"):
    directory = everleafd.live / name
    pair.save(directory / "tls.crt", directory / "tls.key")


@pytest.mark.parametrize("first", ["due", "fresh"])
def test_what_somebody_else_put_there_is_taken_up(fleet, lying_ca, hook, first):
    """By a command, or from a backup; before everleafd delivered anything, or later."""
    proxies = fleet("web")
    everleafd = proxies.everleafd
    if first == "fresh":
        put(everleafd, lying_ca.leaf("web.test", not_before=now() - DAY / 5))
        proxies.nginx.reload()
    everleafd.once().succeeded()
    deadline, calls = expiry(everleafd, "web"), hook.calls()
    put(everleafd, lying_ca.leaf("web.test", not_before=now() - DAY / 10))
    works = hook.order.read_text()
    hook.fail()
    result = everleafd.once()
    assert result.status == 1 and "event=changed-by-others certificate=web" in result.stderr, str(result)
    assert f"deadline={deadline}" in result.stderr and owed(everleafd) == ["web"], str(result)
    hook.order.write_text(works)
    everleafd.once().succeeded()
    assert proxies.serves_what_is_live("web") and owed(everleafd) == []
    reloads = hook.calls()
    assert "changed-by-others" not in everleafd.once().succeeded().stderr and hook.calls() == reloads > calls


def test_a_daemon_sees_what_somebody_else_put_there(fleet, lying_ca):
    proxies = fleet("web")
    everleafd = proxies.everleafd.start()
    everleafd.wait_for_log("event=adopted")
    everleafd.wait(lambda: os.listdir(everleafd.live) == ["web"], what="the pair before is gone")
    put(everleafd, lying_ca.leaf("web.test", not_before=now() - DAY / 10))
    everleafd.reload()  # or within the hour
    everleafd.wait(lambda: everleafd.log().count("event=adopted") == 2)
    everleafd.terminate()
    assert proxies.serves_what_is_live("web")


@pytest.mark.parametrize("enrolls", [False, True])
def test_a_directory_that_is_removed_while_it_is_owed(fleet, lying_ca, hook, enrolls):
    proxies = fleet("web")
    everleafd = proxies.everleafd
    works = hook.order.read_text()
    hook.hang()
    everleafd.once()
    shutil.move(everleafd.live / "web", everleafd.directory / "kept")
    hook.order.write_text(works)
    result = everleafd.once()
    assert result.status == 1 and "event=needs-attention certificate=web" in result.stderr, str(result)
    assert "event=reload-failed" in result.stderr and "deadline=" in result.stderr and owed(everleafd) == ["web"]
    assert proxies.served("web") == proxies.old["web"]
    if enrolls:
        everleafd.write(everleafd.config.read_text() + f'enroll = {{ password-file = "{lying_ca.password_file}" }}\n')
    else:
        shutil.move(everleafd.directory / "kept", everleafd.live / "web")
    everleafd.once().succeeded()
    assert proxies.serves_what_is_live("web") and owed(everleafd) == [] and os.listdir(everleafd.live) == ["web"]


def test_a_file_that_is_changed_is_said_and_the_proxy_goes_on(fleet, lying_ca, hook):
    proxies = fleet("web")
    everleafd = proxies.everleafd
    everleafd.once().succeeded()
    proxies.nginx.wait_for_workers(2)
    served, reloads = proxies.served("web"), hook.calls()
    other = lying_ca.leaf("web.test", not_before=now() - DAY / 10)
    everleafd.crt("web").write_text(other.chain_pem)
    result = everleafd.once()
    assert result.status == 1 and "event=needs-attention certificate=web" in result.stderr, str(result)
    assert proxies.served("web") == served and hook.calls() == reloads
    (everleafd.live / "web" / "tls.key").write_text(other.key_pem)
    everleafd.once().succeeded()
    assert proxies.serves_what_is_live("web") and everleafd.serial("web") == other.certificate.serial_number


def test_a_backup_of_everything_from_before_a_renewal(fleet, lying_ca):
    proxies = fleet("web")
    everleafd = proxies.everleafd
    backup = everleafd.directory / "backup"
    shutil.copytree(everleafd.base, backup)
    everleafd.once().succeeded()
    shutil.rmtree(everleafd.base)
    shutil.copytree(backup, everleafd.base)
    everleafd.once().succeeded()
    assert proxies.serves_what_is_live("web") and everleafd.serial("web") != proxies.old["web"] and owed(everleafd) == []


def test_without_a_live_pair_what_was_held_back_is_delivered(fleet, lying_ca):
    proxies = fleet("web", pinned=["web"])
    everleafd = proxies.everleafd
    everleafd.once()
    new = pending(everleafd, "web")
    shutil.rmtree(everleafd.live / "web")
    proxies.configure()
    everleafd.once().succeeded()
    assert proxies.serves_what_is_live("web") and everleafd.serial("web") == new and len(lying_ca.asked("rekey")) == 1


def test_when_what_was_held_back_is_removed_the_ca_is_asked_again(fleet, lying_ca):
    proxies = fleet("web", pinned=["web"])
    everleafd = proxies.everleafd
    everleafd.once()
    shutil.rmtree(everleafd.live / ".web.next")
    for file in everleafd.state.glob("certificate.*.json"):  # it has just succeeded, and would wait a little
        file.unlink()
    proxies.configure()
    everleafd.once().succeeded()
    assert proxies.serves_what_is_live("web") and everleafd.serial("web") != proxies.old["web"] and len(lying_ca.asked("rekey")) == 2
    assert not list(everleafd.state.glob("withheld.*"))


def test_a_backup_that_is_restored_while_one_is_held_back_is_kept_until_the_next_offer(fleet, lying_ca):
    proxies = fleet("web", pinned=["web"])
    everleafd = proxies.everleafd
    everleafd.start()
    everleafd.wait_for_log("event=taken-back")
    new = pending(everleafd, "web")
    backup = due_pair(lying_ca, subject="web.test").save(everleafd.crt("web"), everleafd.live / "web" / "tls.key")
    everleafd.terminate()
    assert everleafd.serial("web") == backup.certificate.serial_number and pending(everleafd, "web") == new
    proxies.configure()
    everleafd.once().succeeded()
    assert proxies.serves_what_is_live("web") and everleafd.serial("web") == new


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\x00"], ids=["empty", "cut", "garbage"])
def test_a_damaged_memory_of_what_is_held_back_costs_nothing(fleet, lying_ca, damage):
    proxies = fleet("web", pinned=["web"])
    everleafd = proxies.everleafd
    everleafd.once()
    (everleafd.state / "withheld.web.json").write_bytes(damage)
    result = everleafd.once()
    assert result.status == 1 and "event=state-damaged" in result.stderr, str(result)
    assert everleafd.serial("web") == proxies.old["web"] == proxies.served("web") and len(lying_ca.asked("rekey")) == 1


# Killed anywhere

@pytest.mark.parametrize("layout", ["directory", "files"])
def test_killed_anywhere_while_it_judges_the_next_run_ends_it(daemon, lying_ca, hook, layout):
    """The proxy refuses what is new; a copy of what it accepts is compared with what is live."""
    everleafd = daemon(lying_ca, root=True)
    directory = everleafd.base / "files" if layout == "files" else everleafd.live / "one"
    given = f'files = {{ certificate = "{directory}/tls.crt", key = "{directory}/tls.key" }}' if layout == "files" else ""
    everleafd.configure(proxy([str(hook.script)]), certificate("one", given, used_by=["nginx"]))
    directory.mkdir(parents=True)
    due_pair(lying_ca).save(directory / "tls.crt", directory / "tls.key")
    accepted = everleafd.directory / "accepted"
    shutil.copy(directory / "tls.crt", accepted)
    hook.order.write_text(f"cmp {accepted} {directory}/tls.crt\n")
    before = everleafd.directory / "before"
    shutil.copytree(everleafd.base, before)
    once = [BINARIES / "everleafd", "--config", everleafd.config, "--once"]
    variables = environment(everleafd.directory)

    def fresh():
        shutil.rmtree(everleafd.base)
        shutil.copytree(before, everleafd.base)

    def is_held_back():
        return (directory / "tls.crt").read_bytes() == accepted.read_bytes() and owed(everleafd) == [] and \
            pair_matches(directory / "tls.crt", directory / "tls.key") and pending(everleafd, "one")

    whole = with_fault(0, KILL, once, everleafd.directory, variables)
    assert whole.result.status == 1 and len(whole.calls) > 20 and is_held_back(), str(whole)
    for at in range(1, len(whole.calls) + 1):
        fresh()
        struck = with_fault(at, KILL, once, everleafd.directory, variables)
        assert struck.result.status in (-9, 1), str(struck)
        if layout == "directory":
            assert pair_matches(directory / "tls.crt", directory / "tls.key"), str(struck)
        after = everleafd.once()
        assert after.status == 1 and is_held_back(), f"{struck}: {after}"
    asked = len(lying_ca.asked("rekey"))
    hook.succeed()
    everleafd.once().succeeded()
    assert (directory / "tls.crt").read_bytes() != accepted.read_bytes() and len(lying_ca.asked("rekey")) == asked
    assert not list(everleafd.state.glob("withheld.*")) and not (everleafd.live / ".one.next").exists()


# Upstreams

class AlertingUpstream(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Breaks off TLS with an alert if the client's certificate is from another CA than `root`."""
    daemon_threads, allow_reuse_address = True, True

    def __init__(self, directory, server, root):
        server.save(directory / "server.crt", directory / "server.key")
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(directory / "server.crt", directory / "server.key")
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.trust(root)
        super().__init__(("127.0.0.1", 0), None)
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    def trust(self, root):
        self.context.load_verify_locations(cadata=root.pem)

    def finish_request(self, connection, peer):
        with socket.socket(fileno=os.dup(connection.fileno())) as below:
            try:
                with self.context.wrap_socket(connection, server_side=True) as tls:
                    tls.recv(10_000)
                    tls.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            except ssl.SSLError:  # the alert is sent; closed with the request unread, it would be lost
                below.shutdown(socket.SHUT_WR)
                while below.recv(4096):
                    pass

    def handle_error(self, request, peer):
        pass


NGINX_UPSTREAM = """
  server {{
    listen 127.0.0.1:PORT:upstream ssl;
    ssl_certificate {directory}/server.crt; ssl_certificate_key {directory}/server.key;
    {more}
    location / {{ return 200 "$ssl_client_serial\\n"; }}
  }}"""


@pytest.fixture
def asking(daemon, lying_ca, tmp_path):
    """asking(port) makes a daemon with a good pair of another CA that lacks a name, for which it gets a new one."""
    def make(port):
        everleafd = daemon(
            lying_ca, proxy(["true"], f'probe = {{ upstream = "127.0.0.1:{port}" }}'),
            certificate("one", 'names = ["myuser", "more.test"]', f'enroll = {{ password-file = "{lying_ca.password_file}" }}',
                        used_by=["nginx"]))
        return everleafd.place("one", issue(lying_ca.foreign.intermediate, "myuser", names=["myuser"]))
    return make


@pytest.fixture
def upstream(tmp_path, lying_ca, nginx):
    """upstream(kind) makes one that refuses all but the other CA's; it answers its port and what makes it content."""
    servers = []

    def make(kind):
        foreign, trusted = lying_ca.foreign.root, lying_ca.trusted.root
        server = lying_ca.leaf(names=["127.0.0.1"])
        if kind == "alert":
            servers.append(AlertingUpstream(tmp_path, server, foreign))
            return servers[-1].server_address[1], lambda: servers[-1].trust(trusted)
        server.save(nginx.directory / "server.crt", nginx.directory / "server.key")
        (nginx.directory / "roots.crt").write_text(foreign.pem)

        def configure(more=""):
            nginx.configure(NGINX_UPSTREAM.format(directory=nginx.directory, more=more))

        verify = f"ssl_client_certificate {nginx.directory}/roots.crt; ssl_verify_depth 3; ssl_verify_client"
        configure(f"{verify} on;" if kind == "400" else f"{verify} optional_no_ca; if ($ssl_client_verify != SUCCESS) {{ return 403; }}")
        nginx.start()

        def mend():
            (nginx.directory / "roots.crt").write_text(foreign.pem + trusted.pem)
            nginx.reload()
        return nginx.port("upstream"), mend

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("kind", ["400", "403", "alert"])
def test_what_an_upstream_refuses_is_not_delivered(asking, upstream, lying_ca, kind, everleaf):
    port, mend = upstream(kind)
    everleafd = asking(port)
    old = everleafd.serial("one")
    for _ in range(2):  # it is offered each time, and the CA asked once
        result = everleafd.once()
        assert result.status == 1 and "event=withheld certificate=one" in result.stderr, str(result)
        assert f"127.0.0.1:{port}" in result.stderr and ("alert" if kind == "alert" else kind) in result.stderr
        assert f"deadline={expiry(everleafd, 'one')}" in result.stderr and "event=delivered" not in result.stderr
        assert everleafd.serial("one") == old and len(lying_ca.asked("sign")) == 1
    assert "is held back: " in everleaf("plan", "--config", everleafd.config).stdout
    new = pending(everleafd, "one")
    mend()
    everleafd.once().succeeded()
    assert everleafd.serial("one") == new and len(lying_ca.asked("sign")) == 1


def test_a_daemon_holds_back_what_an_upstream_refuses_until_it_is_welcome(asking, upstream, lying_ca, everleaf):
    port, mend = upstream("400")
    everleafd = asking(port)
    old = everleafd.serial("one")
    everleafd.start()
    everleafd.wait_for_log("event=withheld")
    assert everleafd.serial("one") == old
    assert "a new one is held back until 20" in everleaf("status", "--config", everleafd.config).stdout
    mend()
    everleafd.reload()
    everleafd.wait_for_log("event=adopted")
    everleafd.terminate()
    assert everleafd.serial("one") != old and len(lying_ca.asked("sign")) == 1


def test_an_upstream_that_does_not_answer_is_no_reason_to_wait(asking, upstream, nginx):
    port, _ = upstream("400")
    nginx.stop()
    everleafd = asking(port)
    old = everleafd.serial("one")
    everleafd.once().succeeded()
    assert everleafd.serial("one") != old


def test_an_upstream_that_refuses_the_live_pair_too_is_no_reason_to_wait(asking, upstream, nginx, lying_ca):
    port, _ = upstream("400")
    everleafd = asking(port)
    (nginx.directory / "roots.crt").write_text(due_pair(lying_ca).pem)  # nobody's
    nginx.reload()
    old = everleafd.serial("one")
    everleafd.once().succeeded()
    assert everleafd.serial("one") != old


def test_it_stops_while_an_upstream_is_silent(asking):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        everleafd = asking(silent.getsockname()[1]).start()
        silent.settimeout(20)
        with silent.accept()[0]:
            everleafd.terminate()
