# SPDX-License-Identifier: Apache-2.0
"""The socket of everleafd: what it answers, to whom, and that no peer can harm the renewals."""
import concurrent.futures
import http.client
import json
import os
import socket
import stat
import time

import pytest

from certificates import DAY, load, now
from daemon import certificate, proxy
from local_http import ask, connect, say, status_of
from program import wait_until
from step_ca import free_port

NEW = {"not_before": now() - DAY / 10}
DUE = {"not_before": now() - 0.75 * DAY}


@pytest.fixture
def running(daemon, lying_ca):
    """One that has a fresh certificate; and its socket."""
    everleafd = daemon(lying_ca, certificate("one")).place("one", lying_ca.leaf(**NEW)).start()
    everleafd.wait_for_log("event=waiting")
    yield everleafd
    everleafd.terminate()


def socket_of(everleafd):
    return everleafd.base / "everleaf.sock"


# What it says

def test_status_names_what_is_live_and_when_it_is_renewed(running):
    code, status = ask(socket_of(running), "/status")
    [one], leaf = status["certificates"], load(running.crt("one"))
    assert code == 200 and status["version"] == 1 and status["well"] and one["well"] and status["not-listening"] == []
    assert one["not-after"] == leaf.not_valid_after.isoformat() + "Z"
    assert f"renewal={one['renewal']}" in running.log()
    assert (one["failures"], one["problem"], one["busy"]) == (0, "", False)


def test_status_is_true_in_bad_times(daemon, lying_ca, hook):
    hook.fail()
    everleafd = daemon(lying_ca, proxy("nginx", hook.script), certificate("one", used_by=["nginx"]),
                       certificate("two", 'enroll = { token-file = "/none" }'))
    old = lying_ca.leaf(**DUE)
    everleafd.place("one", old).start()
    everleafd.wait_for_log("event=proxy-broken")
    everleafd.wait_for_log("event=failed certificate=two")
    _, status = ask(socket_of(everleafd), "/status")
    certificates = {one["name"]: one for one in status["certificates"]}
    [front] = status["proxies"]
    assert not status["well"] and not front["well"] and "no such luck" in front["problem"]
    assert certificates["one"]["well"] and not certificates["two"]["well"] and "/none" in certificates["two"]["problem"]
    [owed] = front["owed"]
    assert owed["certificate"] == "one" and owed["fingerprint"] == certificates["one"]["fingerprint"]
    assert owed["deadline"] == old.certificate.not_valid_after.isoformat() + "Z"
    everleafd.terminate()
    everleafd.start()  # the deadline is remembered
    everleafd.wait(lambda: everleafd.log().count("event=proxy-broken") == 2)
    assert ask(socket_of(everleafd), "/status")[1]["proxies"][0]["owed"] == [owed]
    hook.succeed()
    everleafd.reload()
    everleafd.wait_for_log("event=adopted")
    [front] = ask(socket_of(everleafd), "/status")[1]["proxies"]
    assert front["well"] and front["owed"] == [] and front["last-adoption"]
    everleafd.terminate()


def test_a_refused_configuration_is_said_until_a_good_one_is_read(running):
    good = running.config.read_text()
    running.write(good + "\nnonsense = 1\n")
    running.reload()
    running.wait_for_log("configuration-refused")
    _, status = ask(socket_of(running), "/status")
    assert not status["well"] and "nonsense" in status["configuration-refused"][0]
    running.write(good)
    running.reload()
    running.wait_for_log("configuration-taken")
    assert ask(socket_of(running), "/status")[1]["well"]


def test_the_socket_changes_only_with_a_restart(running):
    running.write(running.config.read_text().replace("[paths]", f'[paths]\nsocket = "{running.directory}/other.sock"'))
    running.reload()
    running.wait_for_log("change only with a restart")
    assert ask(socket_of(running), "/healthz") == (200, "ok\n")


def test_who_asks_wrongly_is_told(running):
    path = socket_of(running)
    assert ask(path, "/nothing")[0] == 404
    assert ask(path, "/certificates/two")[0] == ask(path, "/certificates/two/renew", "POST")[0] == 404
    assert ask(path, "/certificates/..%2f")[0] == ask(path, "/certificates/one/remove", "POST")[0] == 404
    assert ask(path, "/status", "POST")[0] == ask(path, "/certificates/one", "POST")[0] == 405
    assert ask(path, "/certificates/one/renew")[0] == ask(path, "/status", "DELETE")[0] == 405
    for method in (b"POST", b"GET"):
        with_body = method + b" /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx"
        assert status_of(say(connect(path), with_body)) == 413
    assert ask(path, "/certificates/one")[1]["certificate"]["name"] == "one"


def test_a_renewal_can_be_asked_for(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one")).place("one", lying_ca.leaf(**NEW)).start()
    everleafd.wait_for_log("event=waiting")
    before = everleafd.serial("one")
    code, answer = ask(socket_of(everleafd), "/certificates/one/renew", "POST")
    assert code == 202 and answer["certificate"]["asked"]
    everleafd.wait(lambda: not ask(socket_of(everleafd), "/certificates/one")[1]["certificate"]["asked"])
    assert everleafd.serial("one") != before
    assert f"event=renewal-asked certificate=one uid={os.getuid()}" in everleafd.log()
    everleafd.terminate()
    assert len(lying_ca.asked("rekey")) == 1


# Who may

def test_the_socket_is_for_owner_and_group(running):
    assert stat.S_IMODE(socket_of(running).stat().st_mode) == 0o660


def test_a_killed_daemon_leaves_a_socket_that_the_next_one_replaces(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one")).place("one", lying_ca.leaf(**NEW)).start()
    everleafd.wait_for_log("event=waiting")
    everleafd.kill()
    assert socket_of(everleafd).exists()
    everleafd.start()
    everleafd.wait(lambda: everleafd.log().count("event=waiting") == 2)
    assert ask(socket_of(everleafd), "/healthz") == (200, "ok\n")
    everleafd.terminate()
    assert not socket_of(everleafd).exists()


def test_a_socket_at_which_somebody_listens_is_left_alone(running, daemon, lying_ca):
    other = daemon(lying_ca, certificate("one"), name="other").place("one", lying_ca.leaf(**DUE))
    other.write(other.config.read_text().replace("[paths]", f'[paths]\nsocket = "{socket_of(running)}"'))
    other.start()
    other.wait_for_log("event=not-listening")
    other.wait_for_log("event=delivered")  # it works all the same
    other.terminate()
    assert ask(socket_of(running), "/status")[1]["configuration"] == str(running.config)


def test_what_is_no_socket_is_left_alone(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one")).place("one", lying_ca.leaf(**NEW))
    socket_of(everleafd).write_text("precious")
    everleafd.start()
    everleafd.wait_for_log("event=not-listening")
    everleafd.terminate()
    assert socket_of(everleafd).read_text() == "precious"


# Over TCP

@pytest.fixture
def over_tcp(daemon, lying_ca):
    port = free_port()
    everleafd = daemon(lying_ca, certificate("one"), f'[metrics]\nlisten = "127.0.0.1:{port}"\n')
    everleafd.place("one", lying_ca.leaf(**NEW)).start()
    everleafd.wait_for_log("event=waiting")

    def get(host, method="GET", target="/metrics"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.putrequest(method, target, skip_host=True)
        if host is not None:
            connection.putheader("Host", host)
        connection.endheaders()
        return connection.getresponse().status
    yield get
    everleafd.terminate()
    assert everleafd.log().count("renewal-asked") == 0


def test_a_head_is_a_get_without_its_body_and_a_query_is_ignored(running):
    for target in (b"/status", b"/metrics?x=1", b"/healthz?", b"/nothing"):
        answers = [say(connect(socket_of(running)), method + b" " + target + b" HTTP/1.1\r\n\r\n") for method in (b"GET", b"HEAD")]
        (got, body), (head, nothing) = [answer.split(b"\r\n\r\n", 1) for answer in answers]
        assert head.split(b"\r\n")[:-1] == got.split(b"\r\n")[:-1] and body and not nothing
        assert b"Content-Length: %d" % len(body) in got and b"Content-Length: " in head
    assert ask(socket_of(running), "/certificates/one?x=1")[1]["certificate"]["name"] == "one"
    assert status_of(say(connect(socket_of(running)), b"HEAD /certificates/one/renew HTTP/1.1\r\n\r\n")) == 405


def test_tcp_is_read_by_head_too(over_tcp):
    assert over_tcp("localhost", "HEAD") == over_tcp("localhost", target="/metrics?x=1") == 200
    assert over_tcp("evil.test", "HEAD") == 421


def test_tcp_is_for_reading_by_our_own_names(over_tcp):
    for name in ("127.0.0.1", "127.0.0.1:9464", "[::1]:9464", "localhost:9464", "LocalHost", socket.gethostname()):
        assert over_tcp(name) == 200, name
    for name in ("evil.test", "127.0.0.1.evil.test", "localhost.evil.test:9464", "", None):
        assert over_tcp(name) == 421, name
    assert over_tcp("localhost", target="/status") == over_tcp("localhost", target="/healthz") == 200
    assert over_tcp("localhost", "POST", "/certificates/one/renew") == 403


def test_a_port_that_is_taken_does_not_stop_the_renewals(daemon, lying_ca, everleaf):
    everleafd = daemon(lying_ca, certificate("one"), f'[metrics]\nlisten = "127.0.0.1:{lying_ca.port}"\n')
    everleafd.place("one", lying_ca.leaf(**DUE)).start()
    everleafd.wait_for_log("event=not-listening")
    everleafd.wait_for_log("event=waiting")
    [line] = [line for line in everleafd.log().splitlines() if "event=not-listening" in line]
    assert 'hint="\\"ss -ltnp\\" shows who listens there' in line
    _, status = ask(socket_of(everleafd), "/status")
    [said] = status["not-listening"]
    assert f"127.0.0.1:{lying_ca.port}" in said and not status["well"] and status["certificates"][0]["well"]
    shown = everleaf("status", "--config", everleafd.config)
    assert shown.status == 1 and "ATTENTION it cannot be asked everywhere:" in shown.stdout and said in shown.stdout
    assert f"error    everleafd: {said}" in everleaf("check", "--config", everleafd.config).stdout
    everleafd.terminate()


def test_an_address_that_is_not_ours_does_not_stop_the_renewals(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one"), '[metrics]\nlisten = "192.0.2.1:9464"\n')
    everleafd.place("one", lying_ca.leaf(**NEW)).start()
    everleafd.wait_for_log("event=waiting")
    assert "192.0.2.1:9464" in ask(socket_of(everleafd), "/status")[1]["not-listening"][0]
    everleafd.terminate()


# Bad peers

@pytest.mark.parametrize("request_bytes, statuses", [
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 9, {400}),
    (b"nonsense\r\n\r\n", {400}),
    (b"GET /status HTTP/9.9\r\n\r\n", {400}),
    (b"GET  HTTP/1.1\r\n\r\n", {400}),
    (b"GET /status HTTP/1.1\r\nContent-Length: -1\r\n\r\n", {400}),
    (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n\r\n", {431}),
    (b"GET /status HTTP/1.1\r\n" + b"X: y\r\n" * 3000 + b"\r\n", {431}),
    (b"GET /status HTTP/1.1\r\nX: " + b"y" * 1_000_000, {431}),
    (b"POST /certificates/one/renew HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", {413}),
    (b"POST /certificates/one/renew HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", {413}),
    (b"OPTIONS * HTTP/1.1\r\n\r\n", {405}),
    (b"GET /status HTTP/1.1\r\nHost: localhost\r\nHost: evil.test\r\n\r\n", {400}),
    (b"GET /status\x00 HTTP/1.1\r\n\r\n", {400, 404}),
], ids=range(13))
def test_malformed_and_oversized_requests_are_refused(running, request_bytes, statuses):
    with connect(socket_of(running)) as connection:
        assert status_of(say(connection, request_bytes)) in statuses
    assert ask(socket_of(running), "/healthz") == (200, "ok\n")
    assert "renewal-asked" not in running.log()


def test_two_hundred_at_once_are_all_answered(running):
    with concurrent.futures.ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(lambda _: ask(socket_of(running), "/status")[0], range(200)))
    assert answers == [200] * 200


def test_the_slow_are_cut_and_hold_up_neither_renewals_nor_others(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one")).place("one", lying_ca.leaf(**NEW)).start()
    everleafd.wait_for_log("event=waiting")
    path = socket_of(everleafd)
    slow = [connect(path) for _ in range(40)]
    for connection in slow:
        connection.sendall(b"GET /status HTTP/1.1\r\nX-Slow: ")
    assert ask(path, "/certificates/one/renew", "POST")[0] == 202
    everleafd.wait_for_log("event=delivered", 3)
    more = [connect(path) for _ in range(40)]  # more than it serves at a time
    assert ask(path, "/healthz") == (200, "ok\n")
    assert all(say(connection, b"") == b"" for connection in slow + more)  # cut
    everleafd.terminate()


def test_who_does_not_take_the_answer_holds_up_nobody(daemon, lying_ca):
    long_error = f'enroll = {{ token-file = "/none{"/x" * 1000}" }}'
    everleafd = daemon(lying_ca, *(certificate(f"c{i}", long_error) for i in range(100))).start()
    path = socket_of(everleafd)
    everleafd.wait(lambda: everleafd.log().count("event=failed") >= 100)
    lazy = [connect(path) for _ in range(20)]
    for connection in lazy:
        connection.sendall(b"GET /status HTTP/1.1\r\n\r\n")
    _, status = ask(path, "/status")
    assert len(status["certificates"]) == 100
    assert len(json.dumps(status)) > lazy[0].getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF), "it fits into the socket"
    for connection in lazy:
        connection.close()
    everleafd.terminate()


def test_it_stops_in_time_with_open_connections(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one")).place("one", lying_ca.leaf(**NEW)).start()
    everleafd.wait_for_log("event=waiting")
    open_ones = [connect(socket_of(everleafd)) for _ in range(5)]
    everleafd.terminate()
    assert len(open_ones) == 5


def test_it_does_not_wake_up_for_having_been_asked(running):
    ask(socket_of(running), "/status")
    switches = lambda: sum(int(line.split()[1]) for task in os.listdir(f"/proc/{running.process.pid}/task")
                           for line in open(f"/proc/{running.process.pid}/task/{task}/status")
                           if line.startswith("voluntary_ctxt_switches"))
    seen = []  # when, and how many

    def still():
        now = (time.monotonic(), switches())
        if not seen or seen[0][1] != now[1]:
            seen[:] = [now]
        return now[0] - seen[0][0] > 5

    wait_until(still, seconds=60)  # a wake-up that comes again and again leaves no five seconds
