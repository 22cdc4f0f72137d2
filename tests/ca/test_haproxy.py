# SPDX-License-Identifier: Apache-2.0
"""A real HAProxy takes up what everleafd delivers through its runtime API: no reload."""
import signal
import socket

import pytest

from certificates import DAY, hierarchy, load, now
from daemon import certificate
from haproxy import HAPROXY, Client, Haproxy
from program import wait_until


@pytest.fixture
def haproxy():
    one = Haproxy()
    yield one
    one.remove()


def by_socket(haproxy, *keys, name="haproxy", limit="10s"):
    keys = ", ".join([f'socket = "{haproxy.socket}"', *keys])
    return f'[proxy.{name}]\nreload = {{ haproxy = {{ {keys} }}, time-limit = "{limit}" }}\n'


def web(name="web", *keys):
    return certificate(name, *keys, subject=f"{name}.test", used_by=["haproxy"])


@pytest.fixture
def due(daemon, real_ca):
    """everleafd with pairs that are due, as one file each in their live directories."""
    def make(*blocks, names=("web",)):
        everleafd = daemon(real_ca, *blocks)
        for name in names:
            pair = real_ca.leaf(f"{name}.test", not_before=now() - 0.75 * DAY)
            everleafd.place(name, pair)
            pem(everleafd, name).write_text(pair.chain_pem + pair.key_pem)
        return everleafd
    return make


def pem(everleafd, name="web"):
    return everleafd.live / name / "tls.pem"


def server(*files, port=0):
    crt = " ".join(f"crt {file}" for file in files)
    return f"frontend f{port}\n  bind 127.0.0.1:{{{port}}} ssl {crt}\n  http-request return status 200"


def refused(everleafd, *words):
    """Not adopted, and said why."""
    result = everleafd.once()
    assert result.status == 1 and everleafd.owed("haproxy"), str(result)
    for word in ("event=reload-failed", *words):
        assert word in result.stderr, str(result)
    return result


def test_the_new_leaf_is_served_by_the_same_worker(due, haproxy):
    everleafd = due(by_socket(haproxy), web())
    haproxy.start(server(pem(everleafd)))
    old, workers = haproxy.served(), haproxy.workers()
    result = everleafd.once().succeeded()
    assert "event=adopted" in result.stderr and "BEGIN" not in result.stderr
    assert haproxy.served() == everleafd.serial("web") != old
    assert haproxy.workers() == workers and len(workers) == 1 and not everleafd.owed("haproxy")


def test_each_certificate_goes_to_its_own_file(due, haproxy):
    names = ("web", "mail", "shop")
    everleafd = due(by_socket(haproxy), *map(web, names), names=names)
    haproxy.start(server(*(pem(everleafd, name) for name in names)))
    old = {name: haproxy.served(name=f"{name}.test") for name in names}
    everleafd.once().succeeded()
    for name in names:
        assert haproxy.served(name=f"{name}.test") == everleafd.serial(name) != old[name]


def test_it_may_know_the_certificate_by_another_name(due, haproxy, work):
    everleafd = due(by_socket(haproxy), web())
    (work / "its.pem").write_text(pem(everleafd).read_text())
    haproxy.start(server(work / "its.pem"))
    refused(everleafd, f"cannot replace {pem(everleafd)} in HAProxy: HAProxy has no such certificate", f"it has: {work}/its.pem")
    everleafd.configure(by_socket(haproxy, f'certificate = "{work}/its.pem"'), web())
    everleafd.once().succeeded()
    assert haproxy.served() == everleafd.serial("web")


def test_given_files_go_by_the_combined_one(daemon, real_ca, haproxy, work):
    pair = real_ca.leaf("web.test", not_before=now() - 0.75 * DAY).save(work / "web.crt", work / "web.key")
    (work / "web.pem").write_text(pair.chain_pem + pair.key_pem)
    files = f'files = {{ certificate = "{work}/web.crt", key = "{work}/web.key", combined = "{work}/web.pem" }}'
    everleafd = daemon(real_ca, by_socket(haproxy), web("web", files))
    haproxy.start(server(work / "web.pem"))
    everleafd.once().succeeded()
    assert haproxy.served() == load(work / "web.crt").serial_number != pair.certificate.serial_number


# As a client

def client_side(everleafd, *options):
    trust = f"ca-file {pem(everleafd).parent}/ca.crt verify required"
    return "\n".join([
        "frontend proxy", "  bind 127.0.0.1:{0}", "  default_backend upstream", "backend upstream",
        f"  server upstream 127.0.0.1:{{1}} ssl crt {pem(everleafd)} {trust} {' '.join(options)}",
        "frontend upstream_itself", f"  bind 127.0.0.1:{{1}} ssl crt {pem(everleafd)} {trust}",
        "  http-request return status 200 hdr x-serial %[ssl_c_serial,hex]"])


@pytest.fixture
def client(due, haproxy, real_ca):
    """everleafd, and a kept connection through a HAProxy that presents its certificate to an upstream."""
    def make(proxy, *options):
        everleafd = due(proxy, web())
        (pem(everleafd).parent / "ca.crt").write_text(real_ca.root.pem)
        haproxy.start(client_side(everleafd, *options))
        client = Client(haproxy.ports[0])
        assert client.presented() == everleafd.serial("web")
        return everleafd, client
    return make


def test_an_upstream_is_shown_the_new_one(client, haproxy):
    everleafd, kept = client(by_socket(haproxy), "pool-max-conn 0")
    everleafd.once().succeeded()
    assert kept.presented() == Client(haproxy.ports[0]).presented() == everleafd.serial("web")


def test_a_pooled_connection_keeps_the_old_one(client, haproxy):
    """Which is why docs/haproxy.md wants pool-max-conn 0, or a reload. If this fails, HAProxy has become better."""
    everleafd, kept = client(by_socket(haproxy))
    old = everleafd.serial("web")
    everleafd.once().succeeded()
    assert kept.presented() == old != everleafd.serial("web")


def test_after_a_reload_pooled_connections_are_new_too(client, haproxy):
    by_signal = f'{{ signal = {{ pid-file = "{haproxy.pid_file}", signal = "USR2" }} }}'
    everleafd, kept = client(f"[proxy.haproxy]\nreload = {by_signal}\n")
    everleafd.once().succeeded()
    wait_until(lambda: Client(haproxy.ports[0]).presented() == everleafd.serial("web"), what="new ones present it")
    wait_until(lambda: kept.presented() == everleafd.serial("web"), what="the kept one presents it")


def with_ca_file(everleafd):
    return f"""frontend f
  bind 127.0.0.1:{{0}} ssl crt {pem(everleafd)} ca-file {pem(everleafd).parent}/ca.crt verify optional
  http-request return status 200"""


def test_new_roots_need_a_reload_and_that_is_said_until_it_came(due, haproxy):
    everleafd = due(by_socket(haproxy), web())
    (pem(everleafd).parent / "ca.crt").write_text(hierarchy("Other").root.pem)
    haproxy.start(with_ca_file(everleafd))
    refused(everleafd, f"HAProxy still trusts what was in {pem(everleafd).parent}/ca.crt before", "reload")
    assert haproxy.served() == everleafd.serial("web")
    before = haproxy.workers()
    haproxy.process.send_signal(signal.SIGUSR2)
    wait_until(lambda: not set(haproxy.workers()) & set(before) and haproxy.answers(), what="a new worker alone")
    everleafd.once().succeeded()
    assert not everleafd.owed("haproxy")


def test_why_roots_are_not_replaced_in_memory(due, haproxy, real_ca):
    """HAProxy 2.6.12: after "commit ssl ca-file" it says that it uses the new certificate, and serves the old one. If this
    fails it has become better."""
    everleafd = due(by_socket(haproxy), web())
    ca_file = pem(everleafd).parent / "ca.crt"
    ca_file.write_text(real_ca.root.pem)
    haproxy.start(with_ca_file(everleafd))
    old = haproxy.served()
    haproxy.ask(f"set ssl ca-file {ca_file} <<\n{real_ca.root.pem}")
    assert haproxy.ask(f"commit ssl ca-file {ca_file}").endswith("Success!\n\n")
    everleafd.once().succeeded()
    serial = everleafd.serial("web")
    assert f"Serial: {serial:0{(serial.bit_length() + 7) // 8 * 2}X}\n" in haproxy.ask(f"show ssl cert {pem(everleafd)}")
    assert haproxy.served() == old != everleafd.serial("web")


# What goes wrong

def test_without_haproxy_it_stays_owed(due, haproxy):
    everleafd = due(by_socket(haproxy), web())
    refused(everleafd, f"cannot ask HAProxy by {haproxy.socket}: cannot connect: No such file", "level admin")
    haproxy.start(server(pem(everleafd)))
    everleafd.once().succeeded()
    assert not everleafd.owed("haproxy")


@pytest.mark.parametrize("level", ["operator", "user"])
def test_a_socket_without_the_right_to_change_is_said(due, haproxy, level):
    everleafd = due(by_socket(haproxy), web())
    haproxy.start(server(pem(everleafd)), level=level)
    old = haproxy.served()
    refused(everleafd, "level admin")
    assert haproxy.served() == old


def test_the_socket_of_the_master_is_said_to_be_the_wrong_one(due, haproxy):
    everleafd = due(by_socket(haproxy, limit="1s").replace(str(haproxy.socket), str(haproxy.master_socket)), web())
    haproxy.start(server(pem(everleafd)))
    refused(everleafd, "Unknown command", "not the master's")


def test_a_chain_that_its_buffer_cannot_take_is_said(due, haproxy):
    everleafd = due(by_socket(haproxy), web())
    haproxy.start(server(pem(everleafd)), settings=["tune.bufsize 1024", "tune.maxrewrite 0"])
    refused(everleafd, "without an answer", "tune.bufsize")
    assert haproxy.ask("show ssl cert").startswith("# filename\n")


@pytest.fixture
def weak(due, haproxy):
    """HAProxy wants stronger keys than the one that "web" is configured to get."""
    everleafd = due(by_socket(haproxy), web("web", 'key = "rsa-2048"'), web("mail"), names=("web", "mail"))
    haproxy.want_strong_keys()
    haproxy.start(server(pem(everleafd), pem(everleafd, "mail")))
    return everleafd


def served(haproxy, name):
    return haproxy.served(name=f"{name}.test")


def test_what_it_refuses_is_taken_back_and_the_others_are_adopted(weak, haproxy):
    old, workers = {name: served(haproxy, name) for name in ("web", "mail")}, haproxy.workers()
    result = weak.once()
    assert result.status == 1 and "event=reload-failed" in result.stderr, str(result)
    assert "event=taken-back certificate=web proxy=haproxy" in result.stderr and "unable to load" in result.stderr, str(result)
    assert "event=adopted certificate=mail" in result.stderr and not weak.owed("haproxy"), str(result)
    assert served(haproxy, "web") == weak.serial("web") == old["web"]
    assert served(haproxy, "mail") == weak.serial("mail") != old["mail"] and haproxy.workers() == workers


def test_a_bad_one_of_twenty_holds_up_nobody_else(due, haproxy):
    names = [f"c{number}" for number in range(20)]
    everleafd = due(by_socket(haproxy), *(web(name, *['key = "rsa-2048"'] * (name == "c7")) for name in names), names=names)
    haproxy.want_strong_keys()
    haproxy.start(server(*(pem(everleafd, name) for name in names)))
    old = {name: everleafd.serial(name) for name in names}
    result = everleafd.once()
    assert result.status == 1 and not everleafd.owed("haproxy") and result.stderr.count("event=adopted") == 19, str(result)
    for name in names:
        assert served(haproxy, name) == everleafd.serial(name) and (everleafd.serial(name) == old[name]) == (name == "c7")


def test_what_was_taken_back_goes_in_when_haproxy_takes_it(weak, haproxy, real_ca):
    old = weak.serial("web")
    weak.start()
    weak.wait_for_log("event=taken-back certificate=web")
    weak.wait_for_log("event=adopted certificate=mail")
    pending = load(weak.live / ".web.next" / "tls.crt").serial_number
    haproxy.stop()
    haproxy.environment = {}
    haproxy.start(server(pem(weak), pem(weak, "mail")))
    assert served(haproxy, "web") == weak.serial("web") == old
    weak.reload()
    weak.wait_for_log("event=adopted certificate=web")
    assert served(haproxy, "web") == weak.serial("web") == pending
    weak.terminate()


def test_nothing_is_taken_back_when_haproxy_is_at_fault(due, haproxy):
    everleafd = due(by_socket(haproxy), web())
    haproxy.start(server(pem(everleafd)), level="operator")
    old = haproxy.served()
    result = refused(everleafd, "Permission denied")
    assert "taken-back" not in result.stderr and everleafd.serial("web") != old == haproxy.served()


def begin(haproxy, file, pair):
    answer = haproxy.ask(f"set ssl cert {file} <<\n{pair.chain_pem}{pair.key_pem}")
    assert answer == f"Transaction created for certificate {file}!\n\n"


def test_what_a_killed_run_left_open_is_aborted(due, haproxy, real_ca):
    everleafd = due(by_socket(haproxy), web())
    haproxy.start(server(pem(everleafd)))
    begin(haproxy, pem(everleafd), real_ca.leaf("web.test"))
    everleafd.once().succeeded()
    assert haproxy.served() == everleafd.serial("web") and "transaction" not in haproxy.ask("show ssl cert")


def test_somebody_elses_transaction_is_respected(due, haproxy, real_ca, work):
    everleafd = due(by_socket(haproxy), web())
    other = real_ca.leaf("other.test")
    (work / "other.pem").write_text(other.chain_pem + other.key_pem)
    haproxy.start(server(pem(everleafd), work / "other.pem"))
    begin(haproxy, work / "other.pem", other)
    result = refused(everleafd, "somebody has a transaction open for", f"abort ssl cert {work}/other.pem")
    assert f"*{work}/other.pem" in haproxy.ask("show ssl cert"), str(result)
    assert haproxy.ask(f"commit ssl cert {work}/other.pem").endswith("Success!\n\n")
    everleafd.once().succeeded()
    assert haproxy.served(name="web.test") == everleafd.serial("web")


def test_a_check_keeps_a_broken_configuration_from_being_reloaded(due, haproxy):
    everleafd = due(f"""[proxy.haproxy]
reload = {{ signal = {{ pid-file = "{haproxy.pid_file}", signal = "USR2" }} }}
check = ["{HAPROXY}", "-c", "-f", "{haproxy.config}"]
""", web())
    haproxy.start(server(pem(everleafd)))
    workers, good = haproxy.workers(), haproxy.config.read_text()
    haproxy.config.write_text(good + "broken here\n")
    refused(everleafd, "not reloaded, its check failed", "unknown keyword 'broken'")
    assert haproxy.workers() == workers
    haproxy.config.write_text(good)
    everleafd.once().succeeded()
    wait_until(lambda: haproxy.served() == everleafd.serial("web"), what="it serves the new one")


@pytest.fixture
def silent(haproxy):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.settimeout(20)
        listener.bind(str(haproxy.socket))
        listener.listen()
        yield listener


def test_a_silent_socket_is_left_after_the_time_limit(due, haproxy, silent):
    everleafd = due(by_socket(haproxy, limit="200ms"), web())
    refused(everleafd, "not finished in time").within_limits(seconds=10)


def test_it_stops_while_the_socket_is_silent(due, haproxy, silent):
    everleafd = due(by_socket(haproxy, limit="60s"), web()).start()
    with silent.accept()[0] as connection:
        assert connection.recv(100) == b"show ssl cert\n"
        everleafd.terminate()
    assert everleafd.owed("haproxy")
