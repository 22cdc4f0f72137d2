# SPDX-License-Identifier: Apache-2.0
"""everleaf status and everleaf renew: what people see of a running everleafd, and can have it do."""
import json
import os
import signal
import socket
import threading

import pytest

from certificates import DAY, load, now
from daemon import certificate, proxy
from lying_ca import LIES, Lie, refuses
from program import wait_until

NEW = {"not_before": now() - DAY / 10}
DUE = {"not_before": now() - 0.75 * DAY}


@pytest.fixture
def ask(everleaf):
    """ask(everleafd, "status", ...) runs the command on its configuration."""
    return lambda everleafd, command, *arguments: everleaf(command, "--config", everleafd.config, *arguments)


@pytest.fixture
def fresh(daemon, lying_ca):
    """fresh(*blocks) runs one whose certificate "one" is fresh; used by all proxies there are."""
    def start(*blocks, used_by=None):
        everleafd = daemon(lying_ca, *blocks, certificate("one", used_by=used_by)).place("one", lying_ca.leaf(**NEW)).start()
        everleafd.wait_for_log("event=waiting")
        return everleafd
    return start


# status

def test_all_is_well(fresh, ask):
    everleafd = fresh()
    said = ask(everleafd, "status").succeeded()
    assert said.stdout.startswith("ok        one: valid for 21h") and said.stderr == ""
    status = json.loads(ask(everleafd, "status", "--json").succeeded().stdout)
    assert status["version"] == 1 and status["well"]
    one = json.loads(ask(everleafd, "status", "one", "--json").succeeded().stdout)
    assert one["certificate"] == status["certificates"][0] | {"next-look": one["certificate"]["next-look"]}
    again = ask(everleafd, "status", "one").succeeded()
    assert again.stdout.startswith("ok        one: valid for 21h")
    assert again.stdout.partition(", ")[2] == said.stdout.partition(", ")[2] != ""  # between them a second may pass


def test_what_needs_attention_is_shown(daemon, lying_ca, hook, ask):
    hook.fail()
    everleafd = daemon(lying_ca, proxy("nginx", hook.script), certificate("one", used_by=["nginx"]), certificate("two"))
    everleafd.place("one", lying_ca.leaf(**DUE)).start()
    everleafd.wait_for_log("event=proxy-broken")
    said = ask(everleafd, "status")
    assert said.status == 1
    assert "ATTENTION two: no certificate" in said.stdout and "ATTENTION nginx: has not taken up" in said.stdout
    assert "no such luck" in said.stdout and "ok        one" in said.stdout
    assert ask(everleafd, "status", "--json").status == ask(everleafd, "status", "two").status == 1
    assert ask(everleafd, "status", "one").status == 1  # its proxy
    everleafd.terminate()


def test_the_first_of_a_certificate_is_on_its_way(daemon, lying_ca, ask, tmp_path):
    (tmp_path / "token").write_text(lying_ca.token("myuser"))
    everleafd = daemon(lying_ca, certificate("one", f'enroll = {{ token-file = "{tmp_path}/token" }}'))
    said = []
    lying_ca.lies["sign"] = Lie(meanwhile=lambda: said.append(ask(everleafd, "status").stdout))
    everleafd.start()
    everleafd.wait_for_log("event=delivered")
    assert said == ["ATTENTION one: no certificate, at work\n"]
    everleafd.terminate()


def test_what_does_not_match_is_known_by_what_it_was(fresh, ask, lying_ca):
    """Proxies still have it: an alert that compares its end with the time has to see it."""
    everleafd = fresh()
    before = json.loads(ask(everleafd, "status", "--json").succeeded().stdout)["certificates"][0]
    (everleafd.live / "one" / "tls.key").write_text(lying_ca.leaf(**NEW).key_pem)
    everleafd.reload()
    everleafd.wait_for_log("event=needs-attention")
    said = json.loads(ask(everleafd, "status", "--json").stdout)["certificates"][0]
    assert not said["well"] and "tls.crt and tls.key do not match" in said["problem"] and said["not-after"] == before["not-after"]


def test_a_refused_configuration_needs_attention(fresh, ask):
    everleafd = fresh()
    good = everleafd.config.read_text()
    everleafd.write(good + "\nnonsense = 1\n")
    everleafd.reload()
    everleafd.wait_for_log("configuration-refused")
    everleafd.write(good)
    said = ask(everleafd, "status")
    assert said.status == 1 and "nonsense" in said.stdout


def test_the_daemon_is_asked_while_its_configuration_is_broken(fresh, ask, everleaf):
    everleafd = fresh()
    everleafd.write(everleafd.config.read_text() + "\nnonsense = 1\n")
    everleafd.reload()
    everleafd.wait_for_log("configuration-refused")
    said = ask(everleafd, "status")
    assert said.status == 1 and "nonsense" in said.stdout
    assert "Delivered" in ask(everleafd, "renew", "one").succeeded().stderr
    found = json.loads(ask(everleafd, "check", "--json").stdout)["findings"]
    assert ["configuration", "everleafd"] == [one["about"] for one in found if "nonsense" in one["text"]]
    everleafd.kill()
    ask(everleafd, "status").failed("nonsense", "--socket FILE", status=2)
    ask(everleafd, "renew", "one").failed("nonsense", "--socket FILE")
    found = json.loads(ask(everleafd, "check", "--json").stdout)["findings"]
    assert ["configuration"] == [one["about"] for one in found if "nonsense" in one["text"]]


def test_the_socket_can_be_named_where_no_configuration_can_be_read(fresh, everleaf):
    everleafd = fresh()
    everleafd.write("[paths")
    everleaf("status", "--config", everleafd.config).failed("everleaf.toml:1", "--socket FILE", status=2)
    everleaf("renew", "one", "--config", everleafd.config).failed("everleaf.toml:1", "--socket FILE")
    at_the_socket = ["--config", everleafd.config, "--socket", everleafd.base / "everleaf.sock"]
    assert "ok        one" in everleaf("status", *at_the_socket).succeeded().stdout
    assert "Delivered" in everleaf("renew", "one", *at_the_socket).succeeded().stderr
    assert "ok       everleafd: it runs" in everleaf("check", *at_the_socket).stdout
    everleafd.kill()
    everleaf("status", *at_the_socket).failed("nobody listens", "everleaf.sock", status=2)


def test_without_a_daemon_the_status_is_2(daemon, lying_ca, ask, everleaf):
    everleafd = daemon(lying_ca, certificate("one"))
    ask(everleafd, "status").failed("nobody listens", "systemctl status everleafd", status=2)
    everleafd.place("one", lying_ca.leaf(**NEW)).start().wait_for_log("event=waiting")
    everleafd.kill()
    ask(everleafd, "status", "--json").failed("nobody listens", status=2)
    everleaf("status", "--config", everleafd.directory / "none.toml").failed("none.toml", status=2)


def test_who_asks_for_what_is_no_certificate_was_answered(fresh, ask, hook):
    everleafd = fresh(proxy("nginx", hook.script))
    ask(everleafd, "status", "onne").failed("no [certificate.onne]", 'did you mean "one"')
    ask(everleafd, "status", "other").failed("no [certificate.other]", "systemctl reload everleafd")
    ask(everleafd, "status", "nginx").failed("no [certificate.nginx]", "it is a proxy")
    ask(everleafd, "status", "a/b").failed("a/b")
    said = json.loads(ask(everleafd, "status", "onne", "--json").stdout)
    assert said["version"] == 1 and "onne" in said["error"] and "one" in said["hint"]
    ask(everleafd, "renew", "onne").failed("no [certificate.onne]", 'did you mean "one"')
    everleafd.kill()
    ask(everleafd, "status", "onne").failed("nobody listens", status=2)


def test_it_does_not_wait_for_ever(fresh, ask):
    everleafd = fresh()
    everleafd.process.send_signal(signal.SIGSTOP)
    try:
        ask(everleafd, "status").failed("cannot ask", status=2).within_limits(seconds=15)
    finally:
        everleafd.process.send_signal(signal.SIGCONT)


# renew

def test_it_is_renewed_and_taken_up(fresh, ask, hook):
    everleafd = fresh(proxy("nginx", hook.script), used_by=["nginx"])
    before = everleafd.serial("one")
    said = ask(everleafd, "renew", "one").succeeded()
    assert everleafd.serial("one") != before and hook.calls() == 1
    assert f"until {load(everleafd.crt('one')).not_valid_after.isoformat()}Z" in said.stderr and "Taken up by: nginx" in said.stderr
    assert said.stdout == "" and f"event=renewal-asked certificate=one uid={os.getuid()}" in everleafd.log()
    ask(everleafd, "status").succeeded()
    said = json.loads(ask(everleafd, "renew", "one", "--json").succeeded().stdout)
    assert said["version"] == 1 and said["renewed"] is True and [one["name"] for one in said["proxies"]] == ["nginx"]


def test_each_request_is_one_renewal(fresh, ask, lying_ca):
    everleafd = fresh()
    for count in (1, 2, 3):
        ask(everleafd, "renew", "one").succeeded()
        assert len(lying_ca.asked("rekey")) == count


def test_a_refusal_is_told_and_changes_nothing(fresh, ask, lying_ca):
    lying_ca.lies["rekey"] = refuses(403, "not today")
    everleafd = fresh()
    before = everleafd.serial("one")
    ask(everleafd, "renew", "one").failed("not today", "revoked or expired")
    assert everleafd.serial("one") == before
    wait_until(lambda: ask(everleafd, "status").status == 0, 30, "what was not due goes on as planned")
    plan = json.loads(ask(everleafd, "plan", "--json").succeeded().stdout)["certificates"][0]
    status = json.loads(ask(everleafd, "status", "--json").succeeded().stdout)["certificates"][0]
    assert status["failures"] == 0 and plan["when"] == status["renewal"] > status["next-look"]
    said = json.loads(ask(everleafd, "renew", "one", "--json").stdout)
    assert said["version"] == 1 and said["renewed"] is False and "not today" in said["error"]
    lying_ca.lies.clear()
    ask(everleafd, "renew", "one").succeeded()
    assert everleafd.serial("one") != before


def test_what_is_due_and_asked_for_is_tried_beside_the_plan(daemon, lying_ca, ask, tmp_path):
    token = tmp_path / "token"
    token.write_text(lying_ca.token("myuser"))
    lying_ca.lies["rekey"] = refuses(503, "not now")
    lying_ca.lies["sign"] = refuses(401, "spent")
    everleafd = daemon(lying_ca, certificate("one", f'enroll = {{ token-file = "{token}" }}')).place("one", lying_ca.leaf(**DUE)).start()
    everleafd.wait_for_log("event=failed")
    standing = lambda: json.loads(ask(everleafd, "status", "--json").stdout)["certificates"][0]
    before = standing()
    assert before["failures"] == 1 and "not now" in before["problem"]
    lying_ca.lies["rekey"] = refuses(401, "no more")
    ask(everleafd, "renew", "one").failed("spent", "get a new one")
    after = standing()
    assert "spent" in after["problem"] and "a token only once" in after["hint"]
    assert (after["failures"], after["next-try"]) == (1, before["next-try"]), "who asks puts nothing off"
    assert f"hint: {after['hint']}" in ask(everleafd, "status").stdout
    assert after["hint"] in ask(everleafd, "plan").stdout and after["hint"] in ask(everleafd, "check").stdout
    everleafd.terminate()
    everleafd.start().wait_for_log("event=retrying")
    again = standing()
    assert again["problem"] == after["problem"] and again["hint"] == after["hint"]
    assert again["renewal"] < again["next-try"] == before["next-try"], "renewal is when it was due"


def test_a_proxy_that_refuses_is_told(fresh, ask, hook):
    hook.fail()
    everleafd = fresh(proxy("nginx", hook.script), used_by=["nginx"])
    for _ in range(2):  # also when it failed before
        ask(everleafd, "renew", "one").failed("nginx", "no such luck", "tried again")
    said = json.loads(ask(everleafd, "renew", "one", "--json").stdout)
    assert said["version"] == 1 and said["renewed"] is True and "no such luck" in said["error"]
    hook.succeed()
    ask(everleafd, "renew", "one").succeeded()


def test_a_daemon_that_goes_away_is_told(fresh, ask, lying_ca, everleaf):
    import threading
    lying_ca.lies["rekey"] = LIES["is silent"]
    everleafd = fresh()
    killer = threading.Thread(target=lambda: (lying_ca.wait_for("rekey"), everleafd.kill()))
    killer.start()
    ask(everleafd, "renew", "one").failed("everleaf.sock")
    killer.join()


def test_nothing_can_be_renewed_without_a_daemon(daemon, lying_ca, ask):
    ask(daemon(lying_ca, certificate("one")), "renew", "one").failed("nobody listens", "systemctl status everleafd")


def test_what_gave_up_says_why(daemon, lying_ca, ask):
    everleafd = daemon(lying_ca, certificate("one")).start()
    everleafd.wait_for_log("event=needs-attention")
    ask(everleafd, "renew", "one").failed("enroll")
    everleafd.terminate()


# Somebody else answers

@pytest.fixture
def impostor(tmp_path):
    """impostor(body) answers one request at a socket; its path."""
    def answer(body, status="200 OK"):
        path = tmp_path / "socket"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()

        def serve():
            with listener, listener.accept()[0] as connection:
                connection.recv(8192)
                connection.sendall(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        threading.Thread(target=serve, daemon=True).start()
        return path
    return answer


ANSWERS = {"deep": '{"certificates":[],"proxies":[],"x":' + "[" * 300_000 + "]" * 300_000 + "}", "nothing": "{}", "a list": "[]",
           "no list": '{"well":true,"certificates":5,"proxies":[]}', "numbers": '{"well":true,"certificates":[1],"proxies":[2]}',
           "a word too few": '{"well":5,"certificates":[],"proxies":[]}'}


HANDED_ON = {"no list", "numbers"}  # by --json, as they are


@pytest.mark.parametrize("answer, flags", [*((answer, []) for answer in ANSWERS),
                                           *((answer, ["--json"]) for answer in sorted(ANSWERS.keys() - HANDED_ON))], ids=str)
def test_who_is_no_everleafd_is_told_so(everleaf, impostor, answer, flags):
    result = everleaf("status", "--socket", impostor(ANSWERS[answer]), *flags)
    assert result.status == 2 and "who listens there is no everleafd" in result.stderr, str(result)
    assert len(result.stderr.splitlines()) == 1


def test_a_refusal_without_words(everleaf, impostor):
    everleaf("renew", "one", "--socket", impostor('{"error":5}', "500 No")).failed("no everleafd")
