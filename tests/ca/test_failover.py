# SPDX-License-Identifier: Apache-2.0
"""everleafd and a CA that is at several places."""
import json

import pytest

from certificates import DAY, load, now
from daemon import certificate
from lying_ca import LIES, LyingCa, refuses


@pytest.fixture
def stand_in(tmp_path, lying_ca):
    """The same CA once more."""
    with LyingCa(tmp_path / "stand-in") as ca:
        ca.trusted, ca.provisioner, ca.provisioners = lying_ca.trusted, lying_ca.provisioner, lying_ca.provisioners
        ca.tls = ca.server_context("good")
        yield ca


def due_pair(ca):
    return ca.leaf(not_before=now() - 0.75 * DAY)


def at(everleafd, *cas):
    """Configures these places of the CA."""
    text = everleafd.config.read_text()
    before = f'url = "{everleafd.ca.url}"'
    assert before in text
    everleafd.write(text.replace(before, f"url = {[ca.url for ca in cas]}"))
    return everleafd


def test_the_first_one_is_asked(daemon, lying_ca, stand_in):
    everleafd = at(daemon(lying_ca, certificate("one")), lying_ca, stand_in).place("one", due_pair(lying_ca))
    everleafd.once().succeeded()
    assert len(lying_ca.asked("rekey")) == 1 and stand_in.requests == []


@pytest.mark.parametrize("lie", ["drops the connection", "is silent", "says 500 in plain text", "says HTML with 502",
                                 "says 503 with a date far ahead in Retry-After", "sends the headers at one byte a second"])
def test_the_next_one_is_asked_where_the_first(daemon, lying_ca, stand_in, lie):
    everleafd = at(daemon(lying_ca, certificate("one")), lying_ca, stand_in)
    old = everleafd.place("one", due_pair(lying_ca)).serial("one")
    lying_ca.lies["rekey"] = LIES[lie]
    result = everleafd.once().succeeded().within_limits()
    assert everleafd.has_pair("one") and everleafd.serial("one") != old
    assert len(stand_in.asked("rekey")) == 1 and "event=ca-failed" in result.stderr, str(result)


def test_the_next_one_is_asked_where_the_first_is_not_trusted(daemon, lying_ca, tmp_path):
    with LyingCa(tmp_path / "foreign", "of an unknown CA") as foreign:
        everleafd = at(daemon(lying_ca, certificate("one"), root=True), foreign, lying_ca)
        result = everleafd.place("one", due_pair(lying_ca)).once().succeeded()
        assert "is not trusted" in result.stderr and foreign.requests == []


@pytest.mark.parametrize("status", [400, 401, 403, 404])
def test_who_says_no_is_not_second_guessed(daemon, lying_ca, stand_in, status):
    everleafd = at(daemon(lying_ca, certificate("one")), lying_ca, stand_in).place("one", due_pair(lying_ca))
    lying_ca.lies["rekey"] = refuses(status, "no")
    assert everleafd.once().status == 1
    assert stand_in.requests == []


def test_all_are_away(daemon, lying_ca, stand_in):
    everleafd = at(daemon(lying_ca, certificate("one"), root=True), lying_ca, stand_in)
    old = everleafd.place("one", due_pair(lying_ca)).serial("one")
    lying_ca.stop()
    stand_in.stop()
    result = everleafd.once().within_limits()
    assert result.status == 1 and everleafd.serial("one") == old
    assert lying_ca.url in result.stderr and stand_in.url in result.stderr, str(result)


def test_the_one_that_answered_stays_the_first_for_a_while(daemon, lying_ca, stand_in):
    names = ["a", "b", "c"]
    everleafd = at(daemon(lying_ca, *map(certificate, names), root=True), lying_ca, stand_in)
    for name in names:
        everleafd.place(name, due_pair(lying_ca))
    lying_ca.lies["rekey"] = LIES["says 500 in plain text"]
    everleafd.once().succeeded()
    assert len(lying_ca.asked("rekey")) == 1 and len(stand_in.asked("rekey")) == 3
    # An hour later the first one is asked again.
    lying_ca.lies.clear()
    memory = json.loads((everleafd.state / "ca.json").read_text())
    assert memory["stand-in"] == stand_in.url
    memory["stand-in-since"] = (now() - DAY / 24).isoformat() + "Z"
    (everleafd.state / "ca.json").write_text(json.dumps(memory))
    due_pair(lying_ca).save(everleafd.crt("a"), everleafd.live / "a" / "tls.key")
    forget_successes(everleafd)
    everleafd.once().succeeded()
    assert len(lying_ca.asked("rekey")) == 2 and len(stand_in.asked("rekey")) == 3
    assert json.loads((everleafd.state / "ca.json").read_text())["stand-in"] == ""


def forget_successes(everleafd):
    """The clock of this test jumps: a success just now would make the next one wait."""
    for path in everleafd.state.glob("certificate.*.json"):
        path.unlink()


def test_check_looks_at_all_places(daemon, lying_ca, stand_in, everleaf):
    everleafd = at(daemon(lying_ca, certificate("one"), root=True), lying_ca, stand_in)
    everleafd.live.mkdir()
    stand_in.stop()
    said = everleaf("check", "--config", everleafd.config)
    assert said.status == 1, str(said)
    assert f"ok       CA {lying_ca.url}" in said.stdout and f"error    CA {stand_in.url}" in said.stdout, str(said)


def test_the_root_is_fetched_where_it_can_be_had(daemon, lying_ca, stand_in, tmp_path):
    (tmp_path / "token").write_text(lying_ca.token("myuser"))
    everleafd = at(daemon(lying_ca, certificate("one", f'enroll = {{ token-file = "{tmp_path}/token" }}')), lying_ca, stand_in)
    lying_ca.stop()
    everleafd.once().succeeded()
    assert everleafd.has_pair("one") and len(stand_in.asked("root")) == len(stand_in.asked("sign")) == 1


@pytest.mark.parametrize("lie", ["drops the connection", "says 500 in plain text"])
def test_a_token_that_may_be_spent_is_not_shown_to_the_next_one(daemon, lying_ca, stand_in, tmp_path, lie):
    (tmp_path / "token").write_text(lying_ca.token("myuser"))
    everleafd = at(daemon(lying_ca, certificate("one", f'enroll = {{ token-file = "{tmp_path}/token" }}')), lying_ca, stand_in)
    lying_ca.lies["sign"] = LIES[lie]
    assert everleafd.once().status == 1
    assert len(lying_ca.asked("sign")) == 1 and stand_in.requests == []


def test_a_token_that_can_be_made_again_is(daemon, lying_ca, stand_in):
    everleafd = at(daemon(lying_ca, certificate("one", f'enroll = {{ password-file = "{lying_ca.password_file}" }}')),
                   lying_ca, stand_in)
    lying_ca.lies["sign"] = LIES["drops the connection"]
    everleafd.once().succeeded()
    tokens = [json.loads(ca.asked("sign")[0].body)["ott"] for ca in (lying_ca, stand_in)]
    assert tokens[0] != tokens[1]


def test_when_the_ca_is_back_for_one_the_others_do_not_wait(daemon, lying_ca):
    """The next try of this certificate would be hours away."""
    everleafd = daemon(lying_ca, certificate("one"), root=True).place("one", due_pair(lying_ca))
    old = everleafd.serial("one")
    lying_ca.stop()
    everleafd.once()
    lying_ca.start()
    path = everleafd.state / "certificate.one.json"
    memory = json.loads(path.read_text())
    memory.update({"failures": 5, "last-failure": (now() - DAY / 480).isoformat() + "Z"})
    path.write_text(json.dumps(memory))
    everleafd.start()
    everleafd.wait_for_log("event=retrying")
    everleafd.terminate()
    assert everleafd.serial("one") == old
    ca = json.loads((everleafd.state / "ca.json").read_text())
    assert ca["away"] is True
    ca.update({"away": False, "back": (now() - DAY / 960).isoformat() + "Z"})
    (everleafd.state / "ca.json").write_text(json.dumps(ca))
    everleafd.start()
    everleafd.wait(lambda: everleafd.serial("one") != old)
    everleafd.terminate()


def test_what_a_command_renewed_meanwhile_is_not_renewed_again(daemon, lying_ca, everleaf, work):
    pair = due_pair(lying_ca).save(work / "c.crt", work / "c.key")
    everleafd = daemon(lying_ca, certificate("one", f'files = {{ certificate = "{work}/c.crt", key = "{work}/c.key" }}'))
    lying_ca.lies["rekey"] = LIES["drops the connection"]
    assert everleafd.once().status == 1
    lying_ca.lies.clear()
    everleaf("ca", "renew", "--force", "c.crt", "c.key", *lying_ca.trust()).succeeded()
    renewed = load(work / "c.crt")
    assert renewed.serial_number != pair.certificate.serial_number
    everleafd.once().succeeded()
    everleafd.start()
    everleafd.wait_for_log("event=waiting")
    everleafd.terminate()
    assert load(work / "c.crt") == renewed and len(lying_ca.asked("rekey")) == 1
