# SPDX-License-Identifier: Apache-2.0
"""everleafd and the roots of its CA: configured, listed by the CA, replaced while everything runs."""
import json
import os

import pytest

from certificates import DAY, Issued, hierarchy, load, load_all, now
from daemon import certificate, proxy
from lying_ca import LIES, Lie, LyingCa, edits, says
from mutual_tls import CLIENT, SERVER, Nginx, Traffic
from step_ca import RealCa

FOLLOW = 'roots = "follow"'


def due_pair(ca):
    return ca.leaf(not_before=now() - 0.75 * DAY)


def with_rule(everleafd, rule=FOLLOW):
    everleafd.write(everleafd.config.read_text().replace("[ca]\n", f"[ca]\n{rule}\n"))
    return everleafd


def fingerprints(everleafd, name="one"):
    """Of the roots that are delivered."""
    return {Issued(one).fingerprint for one in load_all(everleafd.live / name / "ca.crt")}


def make_due(everleafd, ca, *names):
    """As if the day had passed."""
    for name in names:
        due_pair(ca).save(everleafd.crt(name), everleafd.live / name / "tls.key")
    for path in everleafd.state.glob("certificate.*.json"):
        path.unlink()


def listing(*authorities):
    """The CA lists these."""
    return edits(lambda value: value.update(crts=[one.root.pem for one in authorities]))


@pytest.fixture
def other():
    return hierarchy("Other")


def by_password(ca):
    return f'enroll = {{ password-file = "{ca.password_file}" }}'


@pytest.fixture
def enrolled(daemon, lying_ca):
    """Some certificates that are there, and whose CA has been asked for its roots long ago."""
    def make(*names, rule=FOLLOW):
        everleafd = with_rule(daemon(lying_ca, *(certificate(name, by_password(lying_ca)) for name in names)), rule)
        everleafd.once().succeeded()
        ask_for_roots_again(everleafd)
        return everleafd
    return make


def ask_for_roots_again(everleafd):
    path = everleafd.state / "roots.json"
    if path.exists():
        path.write_text(json.dumps({**json.loads(path.read_text()), "asked": None}))


def test_followed_a_new_root_goes_out_to_all_before_the_next_leaf(enrolled, lying_ca, other):
    everleafd = enrolled("one", "two")
    make_due(everleafd, lying_ca, "one")
    old = everleafd.serial("one")
    lying_ca.lies["roots"] = listing(lying_ca.trusted, other)
    result = everleafd.once().succeeded()
    both = {lying_ca.fingerprint, other.root.fingerprint}
    assert fingerprints(everleafd, "one") == fingerprints(everleafd, "two") == both
    assert everleafd.serial("one") == old and lying_ca.asked("rekey") == []  # the root has a minute to get everywhere
    assert "event=root-taken" in result.stderr and other.root.fingerprint in result.stderr and "taken=1" in result.stderr
    state = json.loads((everleafd.state / "roots.json").read_text())
    state["grew"] = (now() - DAY / 1000).isoformat() + "Z"
    (everleafd.state / "roots.json").write_text(json.dumps(state))
    everleafd.once().succeeded()
    assert everleafd.serial("one") != old


def test_what_is_about_to_expire_does_not_wait_for_a_root(enrolled, lying_ca, other):
    everleafd = enrolled("one")
    lying_ca.leaf(not_before=now() - 0.95 * DAY).save(everleafd.crt("one"), everleafd.live / "one" / "tls.key")
    for path in everleafd.state.glob("certificate.*.json"):
        path.unlink()
    old = everleafd.serial("one")
    lying_ca.lies["roots"] = listing(lying_ca.trusted, other)
    everleafd.once().succeeded()
    assert everleafd.serial("one") != old and len(fingerprints(everleafd)) == 2


def test_pinned_a_new_root_is_reported_and_nothing_changes(enrolled, lying_ca, other):
    everleafd = enrolled("one", rule='roots = "pinned"')
    make_due(everleafd, lying_ca, "one")
    lying_ca.lies["roots"] = listing(lying_ca.trusted, other)
    result = everleafd.once().succeeded()
    assert "event=root-offered" in result.stderr and other.root.fingerprint in result.stderr, str(result)
    assert fingerprints(everleafd) == {lying_ca.fingerprint}


def test_pinned_a_new_root_is_taken_when_its_fingerprint_is_configured(enrolled, lying_ca, other):
    everleafd = enrolled("one", rule="")
    lying_ca.lies["root"] = Lie(lambda answer: says(json.dumps({"ca": other.root.pem})).answer(answer))
    before = f'"{lying_ca.fingerprint}"'
    text = everleafd.config.read_text()
    assert before in text
    everleafd.write(text.replace(before, f'["{lying_ca.fingerprint}", "{other.root.fingerprint}"]'))
    everleafd.once().succeeded()
    assert fingerprints(everleafd) == {lying_ca.fingerprint, other.root.fingerprint} and not lying_ca.asked("rekey")
    everleafd.write(text.replace(before, f'["{lying_ca.fingerprint}"]'))
    everleafd.once().succeeded()
    assert fingerprints(everleafd) == {lying_ca.fingerprint}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount")
def test_a_root_that_cannot_be_stored_is_not_delivered(enrolled, lying_ca, other, mounts):
    everleafd = enrolled("one")
    make_due(everleafd, lying_ca, "one")
    lying_ca.lies["roots"] = listing(lying_ca.trusted, other)
    mounts.mount("--bind", everleafd.state / "roots.pem", everleafd.state / "roots.pem")  # it cannot be replaced
    result = everleafd.once()
    assert "event=state-not-written" in result.stderr and "root-taken" not in result.stderr, str(result)
    assert fingerprints(everleafd) == {lying_ca.fingerprint} and lying_ca.asked("rekey")


def test_a_configured_root_that_no_ca_has_is_told_of_once(enrolled, lying_ca):
    everleafd = enrolled("one", "two", rule="")
    typo = "ab" * 32
    known = f'"{lying_ca.fingerprint}"'
    lying_ca.lies["root"] = Lie(lambda answer: says("{}", 404).answer(answer))
    everleafd.write(everleafd.config.read_text().replace(known, f'[{known}, "{typo}"]'))
    before = len(lying_ca.asked("root"))
    result = everleafd.once().succeeded()
    assert result.stderr.count("event=roots-unknown") == 1 and len(lying_ca.asked("root")) == before + 1, str(result)
    assert "roots-unknown" not in everleafd.once().succeeded().stderr and len(lying_ca.asked("root")) == before + 1


def with_fingerprints(everleafd, lying_ca, *others):
    text = everleafd.config.read_text()
    before = next(line for line in text.splitlines() if line.startswith("fingerprint"))
    everleafd.write(text.replace(before, f"fingerprint = {json.dumps([lying_ca.fingerprint, *others])}"))


def test_a_root_that_comes_later_goes_out_before_the_next_leaf_as_well(enrolled, lying_ca, other):
    everleafd = enrolled("one", "two", rule="")
    lying_ca.lies["root"] = Lie(lambda answer: says("{}", 404).answer(answer))
    with_fingerprints(everleafd, lying_ca, other.root.fingerprint)
    everleafd.once().succeeded()
    lying_ca.lies["root"] = Lie(lambda answer: says(json.dumps({"ca": other.root.pem})).answer(answer))
    make_due(everleafd, lying_ca, "one")
    old = everleafd.serial("one")
    everleafd.once().succeeded()
    both = {lying_ca.fingerprint, other.root.fingerprint}
    assert fingerprints(everleafd, "one") == fingerprints(everleafd, "two") == both
    assert everleafd.serial("one") == old and not lying_ca.asked("rekey")


def test_a_fingerprint_that_is_corrected_is_heeded_at_once(enrolled, lying_ca, other):
    everleafd = enrolled("one", rule="")
    lying_ca.lies["root"] = Lie(lambda answer: says("{}", 404).answer(answer))
    with_fingerprints(everleafd, lying_ca, "ab" * 32)
    everleafd.once().succeeded()
    lying_ca.lies["root"] = Lie(lambda answer: says(json.dumps({"ca": other.root.pem})).answer(answer))
    with_fingerprints(everleafd, lying_ca, other.root.fingerprint)
    everleafd.start()
    everleafd.wait(lambda: fingerprints(everleafd) == {lying_ca.fingerprint, other.root.fingerprint})
    everleafd.terminate()


def test_what_failed_is_tried_at_once_also_if_other_roots_come_first(enrolled, lying_ca, other):
    everleafd = enrolled("one", rule="")
    lying_ca.lies["root"] = Lie(lambda answer: says(json.dumps({"ca": other.root.pem})).answer(answer))
    lying_ca.lies["rekey"] = LIES["says a text"]
    lying_ca.leaf(not_before=now() - 0.95 * DAY).save(everleafd.crt("one"), everleafd.live / "one" / "tls.key")
    (everleafd.state / "certificate.one.json").unlink()
    for _ in range(3):
        everleafd.once()
    del lying_ca.lies["rekey"]
    old = everleafd.serial("one")
    everleafd.start()
    everleafd.wait_for_log("event=retrying")
    with_fingerprints(everleafd, lying_ca, other.root.fingerprint)
    everleafd.reload()
    everleafd.wait(lambda: everleafd.serial("one") != old)
    everleafd.terminate()


NO_LISTS = {"the roots of another CA": lambda ca, other: listing(other), "no root": lambda ca, other: listing(),
            "null": lambda ca, other: edits(lambda value: value.update(crts=None)),
            "a leaf": lambda ca, other: edits(lambda value: value.update(crts=[ca.trusted.root.pem, ca.leaf().pem])),
            "an intermediate": lambda ca, other: edits(
                lambda value: value.update(crts=[ca.trusted.root.pem, other.intermediate.pem])),
            **{name: lambda ca, other, lie=LIES[name]: lie for name in LIES if "one byte" not in name}}


@pytest.mark.parametrize("rule", [FOLLOW, ""], ids=["follow", "pinned"])
@pytest.mark.parametrize("what", NO_LISTS)
def test_nothing_changes_where_the_ca_lists(enrolled, lying_ca, other, rule, what):
    everleafd = enrolled("one", rule=rule)
    make_due(everleafd, lying_ca, "one")
    old = everleafd.serial("one")
    lying_ca.lies["roots"] = NO_LISTS[what](lying_ca, other)
    everleafd.once().succeeded().within_limits()
    assert fingerprints(everleafd) == {lying_ca.fingerprint}
    assert everleafd.serial("one") != old and len(lying_ca.asked("rekey")) == 1  # and the renewal goes its way


def test_who_is_not_the_ca_is_not_asked_for_roots(enrolled, lying_ca, tmp_path):
    everleafd = enrolled("one")
    make_due(everleafd, lying_ca, "one")
    with LyingCa(tmp_path / "foreign", "of an unknown CA") as foreign:
        everleafd.write(everleafd.config.read_text().replace(lying_ca.url, foreign.url))
        assert everleafd.once().status == 1
        assert foreign.requests == [] and fingerprints(everleafd) == {lying_ca.fingerprint}


def test_a_leaf_under_an_unknown_root_makes_it_ask_for_roots(enrolled, lying_ca):
    """The CA has changed over sooner than we asked."""
    everleafd = enrolled("one")
    make_due(everleafd, lying_ca, "one")
    lying_ca.lies["rekey"] = Lie(foreign=True)
    assert everleafd.once().status == 1
    lying_ca.lies["roots"] = listing(lying_ca.trusted, lying_ca.foreign)
    everleafd.once()  # the renewal itself follows in a minute
    assert fingerprints(everleafd) == {lying_ca.fingerprint, lying_ca.foreign.root.fingerprint}


# Under traffic

class RotatingCa(RealCa):
    """Whose hierarchy is replaced step by step."""

    def __init__(self, directory):
        self.root_files = None
        super().__init__(directory)

    def configuration(self):
        return {**super().configuration(), "root": self.root_files or [str(self.root_file)]}

    def restart(self):
        self.stop()
        self.start()

    def list_roots(self, *authorities):
        self.root_files = []
        for one in authorities:
            path = self.directory / f"{one.fingerprint}.crt"
            one.save(path)
            self.root_files.append(str(path))
        self.root_file.write_text("".join(one.pem for one in authorities))  # by which this class knows that it is up
        self.restart()

    def sign_with(self, intermediate):
        intermediate.save(self.directory / "intermediate.crt", self.directory / "intermediate.key")
        self.restart()


@pytest.fixture
def rotating_ca(tmp_path):
    ca = RotatingCa(tmp_path / "ca")
    yield ca
    ca.stop()


class Side:
    """A host: everleafd, and an nginx that uses its certificate."""

    def __init__(self, daemon, ca, name, server, **values):
        enroll = f'enroll = {{ provisioner = "admin", password-file = "{ca.password_file()}" }}'
        self.blocks = [f'names = ["{name}.test"]', 'not-after = "20s"', enroll]
        self.everleafd = with_rule(daemon(ca, certificate("one", *self.blocks), name=name))
        self.everleafd.once().succeeded()
        self.nginx = Nginx(self.everleafd.directory / "nginx", server, live=self.everleafd.live / "one", **values).start()
        reload = f'[proxy.nginx]\nreload = {{ signal = {{ pid-file = "{self.nginx.pid_file}" }} }}\n'
        self.everleafd.configure(reload, certificate("one", *self.blocks, used_by=["nginx"]))
        with_rule(self.everleafd).start()

    def wait_for_root(self, root):
        """Until nginx has read it."""
        self.everleafd.wait(lambda: root.fingerprint in fingerprints(self.everleafd), 60, "the new root is live")
        after = self.everleafd.log().index("event=trust-updated")
        self.everleafd.wait(lambda: "event=adopted" in self.everleafd.log()[after:], 60, "nginx has the new root")

    def wait_for_leaf(self, is_new, what):
        def shown():
            return is_new(load(self.everleafd.crt("one")))
        self.everleafd.wait(shown, 60, what)
        adoptions = self.everleafd.log().count("event=adopted")
        self.everleafd.wait(lambda: self.everleafd.log().count("event=adopted") > adoptions or self.owes_nothing(), 60)

    def owes_nothing(self):
        return json.loads((self.everleafd.state / "proxy.nginx.json").read_text())["owed"] == []


@pytest.mark.real_ca
def test_root_and_intermediate_are_replaced_under_traffic_without_a_failed_handshake(daemon, rotating_ca):
    ca, first, second = rotating_ca, rotating_ca.root, hierarchy("Second")
    backend = Side(daemon, ca, "backend", SERVER)
    frontend = Side(daemon, ca, "frontend", CLIENT, upstream=backend.nginx.port, server_name="backend.test")
    sides = [backend, frontend]
    try:
        with Traffic(frontend.nginx.port) as traffic:
            ca.list_roots(first, second.root)
            for side in sides:
                side.wait_for_root(second.root)
            ca.sign_with(second.intermediate)
            for side in sides:
                side.wait_for_leaf(lambda leaf: leaf.issuer == second.intermediate.certificate.subject, "a leaf under the new root")
            ca.list_roots(second.root)
            serials = {side: side.everleafd.serial("one") for side in sides}
            for side in sides:
                side.wait_for_leaf(lambda leaf: leaf.serial_number != serials[side], "a renewal without the old root")
        assert traffic.failures == [] and traffic.answered > 500
        for side in sides:  # who has not renewed for a day and a week would still show a leaf under the old one
            assert fingerprints(side.everleafd) == {first.fingerprint, second.root.fingerprint}
            side.everleafd.terminate()
    finally:
        for side in sides:
            side.nginx.stop()
