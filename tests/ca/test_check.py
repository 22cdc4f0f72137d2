# SPDX-License-Identifier: Apache-2.0
"""everleaf check: all that is wrong, at once."""
import json
import os
import shutil
from pathlib import Path

import pytest

from certificates import DAY, hierarchy, now
from daemon import certificate, proxy
from lying_ca import refuses, says

NEW = {"not_before": now() - DAY / 10}
DUE = {"not_before": now() - 0.75 * DAY}
EXPIRED = {"not_before": now() - 2 * DAY}


@pytest.fixture
def check(everleaf):
    """What it found: {about: [(verdict, text)]}."""
    def run(everleafd, status, **variables):
        said = everleaf("check", "--config", everleafd.config, "--json", **variables)
        assert said.status == status, str(said)
        answer = json.loads(said.stdout)
        assert answer["version"] == 1 and answer["well"] == (status == 0)
        found = {}
        for one in answer["findings"]:
            found.setdefault(one["about"], []).append((one["verdict"], one["text"] + one["hint"]))
        return found
    return run


def errors(found, about):
    return [text for verdict, text in found[about] if verdict == "error"]


@pytest.fixture
def running(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one")).place("one", lying_ca.leaf(**NEW)).start()
    everleafd.wait_for_log("event=waiting")
    yield everleafd
    everleafd.terminate()


def test_all_is_well(running, check, everleaf):
    found = check(running, 0)
    assert {about: [verdict for verdict, _ in findings] for about, findings in found.items() if "nginx" not in about} == {
        "configuration": ["ok"], "CA": ["ok"], "certificate one": ["ok"], str(running.base): ["ok"], "everleafd": ["ok"]}
    text = everleaf("check", "--config", running.config).succeeded().stdout
    assert "ok       CA: https://127.0.0.1" in text


def test_what_was_damaged_since_everleafd_looked_is_found(daemon, lying_ca, check):
    running = daemon(lying_ca, certificate("one")).place("one", lying_ca.leaf(**DUE)).start()
    running.wait_for_log("event=waiting")
    (running.live / "one" / "tls.key").chmod(0o644)
    [wrong] = errors(check(running, 1), "certificate one")
    assert "tls.key has mode 0644" in wrong and "SIGHUP" in wrong
    (running.live / "one" / "tls.pem").unlink()
    assert "tls.pem" in errors(check(running, 1), "certificate one")[0]
    running.reload()
    running.wait(lambda: running.log().count("event=delivered") == 2)
    check(running, 0)


def test_what_expired_and_cannot_enroll_needs_somebody(daemon, lying_ca, check):
    everleafd = daemon(lying_ca, certificate("one")).place("one", lying_ca.leaf(**EXPIRED))
    assert any("expired" in text and "enroll" in text for text in errors(check(everleafd, 1), "certificate one"))


def test_it_changes_nothing(daemon, lying_ca, check):
    everleafd = daemon(lying_ca, certificate("one")).place("one", lying_ca.leaf(**NEW))
    before = sorted(everleafd.base.rglob("*"))
    found = check(everleafd, 0)
    assert found["everleafd"][0][0] == "warning" and "nobody listens" in found["everleafd"][0][1]
    assert sorted(everleafd.base.rglob("*")) == before


def test_secrets_for_everybody_are_warned_of(daemon, lying_ca, check, tmp_path):
    token, closed = tmp_path / "token", tmp_path / "closed"
    token.write_text(lying_ca.token("myuser"))
    closed.write_text(lying_ca.token("myuser"))
    token.chmod(0o644)
    closed.chmod(0o640)
    everleafd = daemon(lying_ca, certificate("one", f"enroll = {{ token-file = '{token}' }}"), certificate("two", f"enroll = {{ token-file = '{closed}' }}"))
    everleafd.live.mkdir()
    found = check(everleafd, 0)
    assert found[str(token)] == [("warning", f"it is a secret, and everybody may read itchmod o-r {token}")] and str(closed) not in found
    said = everleafd("--config", everleafd.config, "--check").succeeded()
    assert said.stderr == (f"{token}: warning: it is a secret, and everybody may read it\n  hint: chmod o-r {token}\n"
                           f"{everleafd.config}: ok, 2 certificates, 0 proxies\n")


def test_the_real_ca_is_content(daemon, real_ca, lying_ca, check):
    everleafd = daemon(real_ca, certificate("one")).place("one", lying_ca.leaf(**NEW))
    assert check(everleafd, 0)["CA"][0][0] == "ok"


def test_every_problem_of_the_configuration_is_said(daemon, lying_ca, check):
    everleafd = daemon(lying_ca, certificate("one", 'kee = "rsa-2048"', used_by=["nginks"]), 'nonsense = 1\n')
    found = check(everleafd, 1)
    assert len(found["configuration"]) == 3
    assert all(str(everleafd.config) in text for _, text in found["configuration"])


def test_several_things_are_wrong_at_once(daemon, lying_ca, check, mounts, tmp_path):
    password = f'enroll = {{ provisioner = "admin", password-file = "{lying_ca.password_file}" }}'
    everleafd = daemon(lying_ca, certificate("one"), certificate("two", password), proxy("nginx", "true"))
    everleafd.place("one", lying_ca.leaf(**NEW))
    if os.geteuid() == 0:
        mounts.mount("--bind", everleafd.live / "one", everleafd.live / "one")
    lying_ca.stop()
    found = check(everleafd, 1, https_proxy="http://proxy.test:3128", no_proxy="127.0.0.1")
    [ca] = found["CA"]
    assert ca[0] == "error" and "cannot talk to" in ca[1]
    assert ("warning" in dict(found["certificate two"])) and "mint any name" in str(found["certificate two"])
    assert found["https_proxy"][0][0] == "warning" and "proxy.test" in found["https_proxy"][0][1]
    if os.geteuid() == 0:
        assert found["certificate one"][0][0] == "error" and "mount point" in found["certificate one"][0][1]


def test_another_ca_than_the_configured_is_an_error(daemon, lying_ca, real_ca, check):
    everleafd = daemon(lying_ca, certificate("one"), root=True)
    everleafd.live.mkdir()
    everleafd.write(everleafd.config.read_text().replace(lying_ca.url, real_ca.url))
    [(verdict, text)] = check(everleafd, 1)["CA"]
    assert verdict == "error" and "not trusted" in text


def test_a_root_that_is_not_ours_is_said(daemon, lying_ca, check):
    everleafd = daemon(lying_ca, certificate("one")).place("one", lying_ca.leaf(**NEW))
    other = hierarchy("Other").root
    lying_ca.lies["roots"] = says(json.dumps({"crts": [lying_ca.trusted.root.pem, other.pem]}))
    found = check(everleafd, 0)["CA"]
    assert ("warning" in dict(found)) and other.fingerprint in str(found)
    lying_ca.lies["roots"] = says(json.dumps({"crts": [other.pem]}))
    assert [verdict for verdict, _ in check(everleafd, 0)["CA"]] == ["warning", "warning", "ok"]


def test_what_only_the_daemon_sees_is_asked_for(daemon, lying_ca, check):
    everleafd = daemon(lying_ca, certificate("one", 'enroll = { token-file = "%d/token" }'))
    everleafd.start("env", f"CREDENTIALS_DIRECTORY={everleafd.directory}/credentials")
    everleafd.wait_for_log("event=failed")
    found = check(everleafd, 1)
    assert [verdict for verdict, _ in found["certificate one"]] == ["ok", "error", "skipped"]
    assert f"{everleafd.directory}/credentials/token" in found["certificate one"][1][1]
    everleafd.terminate()


def test_a_state_directory_that_is_missing_is_an_error(daemon, lying_ca, check):
    everleafd = daemon(lying_ca, certificate("one"))
    everleafd.base.rmdir()
    [(verdict, text)] = check(everleafd, 1)[str(everleafd.base)]
    assert verdict == "error" and f"may write in {everleafd.directory}" in text and "tmpfiles" not in text
    usual = Path("/var/lib/everleaf")
    if not usual.exists():
        everleafd.write(everleafd.config.read_text().replace(f'state = "{everleafd.base}"', f'socket = "{everleafd.directory}/socket"'))
        assert "systemd-tmpfiles --create everleaf.conf" in check(everleafd, 1)[str(usual)][0][1]


def test_a_certificate_that_does_not_do_its_work_is_an_error(daemon, lying_ca, check):
    lying_ca.lies |= {"renew": refuses(403, "never again"), "rekey": refuses(403, "not today")}
    pairs = {"expired": EXPIRED, "failing": DUE, "good": NEW, "keyless": NEW, "mixed": NEW, "tomorrows": {"not_before": now() + DAY}}
    everleafd = daemon(lying_ca, *map(certificate, [*pairs, "none"]))
    for name, validity in pairs.items():
        everleafd.place(name, lying_ca.leaf(**validity))
    for file in ("tls.key", "tls.pem"):  # which has the key, too
        (everleafd.live / "keyless" / file).unlink()
    (everleafd.live / "mixed" / "tls.key").write_text(lying_ca.leaf(**NEW).key_pem)
    assert everleafd.once().status == 1
    found = check(everleafd, 1)
    assert len(errors(found, "certificate expired")) == 2
    for name, words in {"expired": ["it has expired", "the last try failed", "never again"], "failing": ["the last try failed", "not today"],
                        "keyless": ["tls.key"], "mixed": ["do not match"], "tomorrows": ["it is valid only from"], "none": ["no \"enroll\""]}.items():
        assert all(word in str(errors(found, f"certificate {name}")) for word in words), (name, found)
    assert [verdict for verdict, _ in found["certificate good"]] == ["ok"]


def test_one_that_is_held_back_is_an_error(daemon, lying_ca, check, hook, tmp_path):
    everleafd = daemon(lying_ca, proxy("nginx", hook.script), certificate("one", used_by=["nginx"])).place("one", lying_ca.leaf(**DUE))
    (tmp_path / "old").write_text(everleafd.crt("one").read_text())
    hook.order.write_text(f"cmp {everleafd.crt('one')} {tmp_path}/old >&2\n")
    everleafd.start().wait_for_log("event=taken-back")
    everleafd.kill()
    [error] = errors(check(everleafd, 1), "certificate one")
    assert "held back" in error and "differ" in error


def test_what_no_certificate_has_any_more_is_named(daemon, lying_ca, check, tmp_path):
    """Removed, misspelt or moved to given files: a proxy may still read it."""
    given = "files = {{ certificate = '{0}/given.crt', key = '{0}/given.key' }}".format(tmp_path)
    everleafd = daemon(lying_ca, certificate("one"), certificate("given", given))
    for name in "one", "onne", "given":
        everleafd.place(name, lying_ca.leaf(**NEW))
    shutil.copytree(everleafd.live / "one", everleafd.live / ".one.next")
    lying_ca.leaf(**NEW).save(tmp_path / "given.crt", tmp_path / "given.key")
    found = check(everleafd, 0)
    live = str(everleafd.live)
    assert {about.removeprefix(live) for about in found if about.startswith(live)} == {"/onne", "/given"}
    assert [(verdict, "nobody renews" in text) for verdict, text in found[f"{live}/onne"]] == [("warning", True)]


def test_what_everleafd_says_too_is_said_once(daemon, lying_ca, check):
    everleafd = daemon(lying_ca, certificate("one")).start()
    everleafd.wait_for_log("event=needs-attention")
    assert len(errors(check(everleafd, 1), "certificate one")) == 1
    everleafd.terminate()


# What it takes to enroll

def by_password(file, provisioner="admin"):
    return f'enroll = {{ provisioner = "{provisioner}", password-file = "{file}" }}'


def by_x5c(pair, directory):
    pair.save(directory / "x5c.crt", directory / "x5c.key")
    return f'enroll = {{ x5c = {{ certificate = "{directory}/x5c.crt", key = "{directory}/x5c.key" }} }}'


def enrolling(found, name):
    return [(verdict, text) for verdict, text in found[f"certificate {name}"] if "cannot enroll" in text]


@pytest.mark.parametrize("file", ["is missing", "is closed", "is a directory"])
def test_a_password_that_cannot_be_read_is_told_before_it_is_needed(daemon, lying_ca, check, tmp_path, file):
    password = tmp_path / "password"
    if file == "is closed":
        if os.geteuid() != 0:
            pytest.skip("needs root")
        shutil.copy(lying_ca.password_file, password)
        password.chmod(0o600)
    elif file == "is a directory":
        password.mkdir()
    everleafd = daemon(lying_ca, certificate("one", by_password(password)), certificate("none", by_password(password)))
    everleafd.place("one", lying_ca.leaf(**NEW))
    if file == "is closed":
        give_to_nobody(everleafd, tmp_path)
    found = check(everleafd, 1)
    [(verdict, text)] = enrolling(found, "one")
    assert verdict == "warning" and text.startswith(f"cannot enroll again: cannot read {password}")
    [(verdict, text)] = enrolling(found, "none")
    assert verdict == "error" and text.startswith(f"cannot enroll: cannot read {password}")


def give_to_nobody(everleafd, tmp_path):
    for directory in tmp_path.parents:
        if directory.stat().st_uid == os.geteuid() and str(directory) != "/":
            directory.chmod(directory.stat().st_mode | 0o011)
    tmp_path.chmod(0o755)
    everleafd.directory.chmod(0o755)
    for path in [everleafd.base, *everleafd.base.rglob("*")]:
        shutil.chown(path, "nobody")


def test_a_password_that_is_wrong(daemon, lying_ca, check, tmp_path):
    (tmp_path / "password").write_text("something else")
    right = by_password(lying_ca.password_file)
    everleafd = daemon(lying_ca, certificate("right", right), certificate("wrong", by_password(tmp_path / "password")),
                       certificate("nobody", by_password(lying_ca.password_file, "nobody")))
    for name in "right", "wrong", "nobody":
        everleafd.place(name, lying_ca.leaf(**NEW))
    found = check(everleafd, 0)
    assert not enrolling(found, "right")
    assert [(verdict, "password" in text) for verdict, text in enrolling(found, "wrong")] == [("warning", True)]
    assert [(verdict, "nobody" in text) for verdict, text in enrolling(found, "nobody")] == [("warning", True)]
    lying_ca.stop()
    assert not enrolling(check(everleafd, 1), "wrong")


@pytest.mark.parametrize("pair", ["has no key", "has no certificate", "does not match", "has expired"])
def test_what_an_x5c_provisioner_is_to_trust(daemon, lying_ca, check, tmp_path, pair):
    lying_ca.provisioners.append({"type": "X5C", "name": "hosts"})
    mine = lying_ca.leaf(**(EXPIRED if pair == "has expired" else NEW))
    everleafd = daemon(lying_ca, certificate("one", by_x5c(mine, tmp_path)), certificate("none", by_x5c(mine, tmp_path)))
    everleafd.place("one", lying_ca.leaf(**NEW))
    assert pair == "has expired" or "error" not in str(check(everleafd, 0))
    if pair == "does not match":
        (tmp_path / "x5c.key").write_text(lying_ca.leaf(**NEW).key_pem)
    elif pair != "has expired":
        (tmp_path / ("x5c.key" if "key" in pair else "x5c.crt")).unlink()
    found = check(everleafd, 1)
    assert [verdict for verdict, _ in enrolling(found, "one")] == ["warning"]
    [(verdict, text)] = enrolling(found, "none")
    assert verdict == "error" and f"{tmp_path}/x5c" in text


@pytest.mark.parametrize("claims, said", [
    ({"sans": ["myuser"]}, "the token is not for 10.0.0.7"), ({"sub": "other"}, 'the token is for "other", not for "myuser"'),
    ({"exp": 1767225600}, "the token has expired, at 2026-01-01T00:00:00Z"), (None, "the token does not have 3 parts")])
def test_a_token_that_would_get_nothing_is_an_error(daemon, lying_ca, check, tmp_path, claims, said):
    token = tmp_path / "token"
    names = {"sans": ["myuser", "10.0.0.7"]}
    token.write_text("nonsense" if claims is None else lying_ca.token("myuser", **{**names, **claims}))
    everleafd = daemon(lying_ca, certificate("one", 'names = ["myuser", "10.0.0.7"]', f'enroll = {{ token-file = "{token}" }}'))
    everleafd.live.mkdir()
    [(verdict, text)] = enrolling(check(everleafd, 1), "one")
    hint = '"everleaf ca token myuser --san myuser --san 10.0.0.7" makes one'
    assert verdict == "error" and text == f"cannot enroll: {token}: {said}{hint}"
    token.write_text(lying_ca.token("myuser", **names))
    assert not enrolling(check(everleafd, 0), "one")


def test_a_token_is_needed_only_for_the_first_certificate(daemon, lying_ca, check, tmp_path):
    token = f'enroll = {{ token-file = "{tmp_path}/token" }}'
    everleafd = daemon(lying_ca, certificate("one", token), certificate("none", token)).place("one", lying_ca.leaf(**NEW))
    found = check(everleafd, 1)
    assert [verdict for verdict, _ in found["certificate one"]] == ["ok"]
    assert [verdict for verdict, _ in enrolling(found, "none")] == ["error"] and f"{tmp_path}/token" in str(found["certificate none"])
    everleafd.once()
    assert len(errors(check(everleafd, 1), "certificate none")) == 1
    (tmp_path / "token").write_text(lying_ca.token("myuser"))
    assert not enrolling(check(everleafd, 1), "none")
