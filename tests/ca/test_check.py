# SPDX-License-Identifier: Apache-2.0
"""everleaf check: all that is wrong, at once."""
import json
import os

import pytest

from certificates import DAY, now
from daemon import certificate, proxy

NEW = {"not_before": now() - DAY / 10}


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


def verdicts(found):
    return {verdict for findings in found.values() for verdict, _ in findings}


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


def test_it_changes_nothing(daemon, lying_ca, check):
    everleafd = daemon(lying_ca, certificate("one")).place("one", lying_ca.leaf(**NEW))
    before = sorted(everleafd.base.rglob("*"))
    found = check(everleafd, 0)
    assert found["everleafd"][0][0] == "warning" and "nobody listens" in found["everleafd"][0][1]
    assert sorted(everleafd.base.rglob("*")) == before


def test_the_real_ca_is_content(daemon, real_ca, check):
    everleafd = daemon(real_ca, certificate("one"))
    everleafd.live.mkdir()
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
    from certificates import hierarchy
    from lying_ca import says
    everleafd = daemon(lying_ca, certificate("one"))
    everleafd.live.mkdir()
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
    assert [verdict for verdict, _ in found["certificate one"]] == ["ok", "error"]
    assert f"{everleafd.directory}/credentials/token" in found["certificate one"][1][1]
    everleafd.terminate()


def test_a_state_directory_that_is_missing_is_an_error(daemon, lying_ca, check):
    everleafd = daemon(lying_ca, certificate("one"))
    everleafd.base.rmdir()
    assert check(everleafd, 1)[str(everleafd.base)][0][0] == "error"
