# SPDX-License-Identifier: Apache-2.0
"""ca bootstrap --team: the CA's URL and fingerprint from a server that the system trusts."""
import json
from pathlib import Path

import pytest

from lying_ca import Answer
from program import contents


@pytest.fixture
def team(lying_ca):
    """The CA's own server says these things of the team "ops", too."""
    def says(value, status=200, headers=()):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        lying_ca.reply_teams = lambda request, peer, lie: Answer(status, dict(headers), body)
        return ["ca", "bootstrap", "--team", "ops", "--team-url", f"{lying_ca.url}/teams/<>"]
    return says


@pytest.fixture
def bootstrap(everleaf, lying_ca):
    return lambda arguments, *more: everleaf(*arguments, *more, SSL_CERT_FILE=str(lying_ca.root_file))


def defaults(everleaf):
    return json.loads((Path(everleaf("path").stdout.strip()) / "config" / "defaults.json").read_text())


def test_a_team_knows_its_ca(everleaf, bootstrap, team, lying_ca):
    said = {"url": lying_ca.url, "fingerprint": lying_ca.fingerprint, "provisioner": "admin", "min-password-length": 12}
    bootstrap(team(said)).succeeded()
    assert [request.path for request in lying_ca.asked("teams")] == ["/teams/ops"]
    found = defaults(everleaf)
    assert {**found, "root": ""} == {"ca-url": lying_ca.url, "fingerprint": lying_ca.fingerprint, "root": "", "provisioner": "admin",
                                     "redirect-url": "https://smallstep.com/app/teams/sso/success", "min-password-length": 12}
    everleaf("ca", "health").succeeded()


def test_the_redirect_of_the_command_line_wins(everleaf, bootstrap, team, lying_ca):
    said = {"url": lying_ca.url, "fingerprint": lying_ca.fingerprint, "redirect-url": "https://theirs"}
    bootstrap(team(said)).succeeded()
    assert defaults(everleaf)["redirect-url"] == "https://theirs"
    bootstrap(team(said), "--redirect-url", "https://ours", "--force").succeeded()
    assert defaults(everleaf)["redirect-url"] == "https://ours"


def test_its_context_is_called_after_team_and_authority(everleaf, bootstrap, team, lying_ca):
    said = team({"url": lying_ca.url, "fingerprint": lying_ca.fingerprint})
    bootstrap(said, "--team-authority", "certs", "--profile", "me").succeeded()
    assert "certs.ops" in everleaf("context", "list").stdout


@pytest.mark.parametrize("said, status", [({}, 200), ([], 200), (b"<html>", 200), ({"url": "x"}, 200), ({"url": 7, "fingerprint": 7}, 200),
                                          ({"url": "http://ca", "fingerprint": "00" * 32}, 200), ({}, 404), ({}, 500), (b"", 302)])
def test_an_answer_that_is_none(everleaf, bootstrap, team, tmp_path, said, status):
    before = contents(tmp_path / "home")
    result = bootstrap(team(said, status))
    assert result.failed().status == 1 and contents(tmp_path / "home") == before


def test_a_server_that_the_system_does_not_trust(everleaf, team, lying_ca, tmp_path):
    arguments = team({"url": lying_ca.url, "fingerprint": lying_ca.fingerprint})
    everleaf(*arguments).failed("not trusted", "127.0.0.1")
    assert lying_ca.requests == []


def test_a_server_that_cannot_be_believed(everleaf, lying_ca):
    everleaf("ca", "bootstrap", "--team", "ops", "--team-url", "http://127.0.0.1:1/<>").failed("--team-url", "https")
