# SPDX-License-Identifier: Apache-2.0
"""ca bootstrap, root, roots, health: from a fingerprint to a CA that is trusted."""
import json
import os
import stat

import pytest

from certificates import load, load_all


@pytest.fixture
def bootstrapped(everleaf, real_ca, tmp_path):
    everleaf("ca", "bootstrap", "--ca-url", real_ca.url, "--fingerprint", real_ca.fingerprint).succeeded()
    return tmp_path / "home" / ".step"


def test_bootstrap_keeps_the_root_and_the_defaults(bootstrapped, real_ca):
    root = bootstrapped / "certs" / "root_ca.crt"
    assert load(root) == real_ca.root.certificate
    assert json.loads((bootstrapped / "config" / "defaults.json").read_text()) == {
        "ca-url": real_ca.url, "fingerprint": real_ca.fingerprint, "root": str(root)}
    assert stat.S_IMODE(bootstrapped.stat().st_mode) == 0o700


def test_bootstrap_says_what_it_saved(everleaf, real_ca, tmp_path):
    result = everleaf("ca", "bootstrap", "--ca-url", real_ca.url, "--fingerprint", real_ca.fingerprint).succeeded()
    base = tmp_path / "home" / ".step"
    assert f"The root certificate has been saved in {base}/certs/root_ca.crt." in result.stderr
    assert f"The authority configuration has been saved in {base}/config/defaults.json." in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("mask, mode", [(0o077, 0o600), (0o027, 0o640), (0, 0o644)], ids=oct)
def test_bootstrap_respects_the_umask(everleaf, real_ca, work, mask, mode):
    before = os.umask(mask)
    try:
        everleaf("ca", "bootstrap", "--ca-url", real_ca.url, "--fingerprint", real_ca.fingerprint, "--context", "one",
                 STEPPATH=str(work / "step")).succeeded()
    finally:
        os.umask(before)
    for file in ("authorities/one/config/defaults.json", "current-context.json"):
        assert stat.S_IMODE((work / "step" / file).stat().st_mode) == mode, file
    for file in ("contexts.json", "authorities/one/certs/root_ca.crt"):
        assert stat.S_IMODE((work / "step" / file).stat().st_mode) == 0o600, file


def test_bootstrap_uses_steppath(everleaf, real_ca, work):
    everleaf("ca", "bootstrap", "--ca-url", real_ca.url, "--fingerprint", real_ca.fingerprint,
             STEPPATH=str(work / "step")).succeeded()
    assert (work / "step" / "certs" / "root_ca.crt").exists()


def test_bootstrap_takes_a_fingerprint_as_openssl_writes_it(everleaf, real_ca):
    pairs = real_ca.fingerprint.upper()
    colons = ":".join(pairs[i:i + 2] for i in range(0, 64, 2))
    everleaf("ca", "bootstrap", "--ca-url", real_ca.url, "--fingerprint", colons).succeeded()
    assert everleaf("ca", "health").succeeded().stdout == "ok\n"


def test_bootstrap_replaces_another_ca_only_if_forced(everleaf, bootstrapped, real_ca):
    again = ["ca", "bootstrap", "--ca-url", real_ca.url, "--fingerprint", real_ca.fingerprint]
    everleaf(*again, "--force").succeeded()
    (bootstrapped / "config" / "defaults.json").write_text("{}")
    everleaf(*again).failed("--force")
    assert (bootstrapped / "config" / "defaults.json").read_text() == "{}"


def test_bootstrap_wants_url_and_fingerprint(everleaf, real_ca):
    everleaf("ca", "bootstrap", "--ca-url", real_ca.url).failed("--fingerprint")
    everleaf("ca", "bootstrap", "--fingerprint", real_ca.fingerprint).failed("--ca-url")


def test_after_bootstrap_no_flag_is_needed(everleaf, bootstrapped, real_ca):
    assert everleaf("ca", "health").succeeded().stdout == "ok\n"
    assert everleaf("ca", "root").succeeded().stdout == real_ca.root.pem
    assert everleaf("ca", "roots").succeeded().stdout == real_ca.root.pem


def test_health_by_flags(everleaf, real_ca):
    result = everleaf("ca", "health", *real_ca.trust()).succeeded()
    assert (result.stdout, result.stderr) == ("ok\n", "")


def test_health_by_environment(everleaf, real_ca):
    everleaf("ca", "health", STEP_CA_URL=real_ca.url, STEP_ROOT=str(real_ca.root_file)).succeeded()


def test_a_flag_beats_the_environment_and_the_environment_the_defaults(everleaf, bootstrapped, real_ca):
    nowhere = "https://127.0.0.1:1"
    everleaf("ca", "health", STEP_CA_URL=nowhere).failed("127.0.0.1:1")
    everleaf("ca", "health", "--ca-url", real_ca.url, STEP_CA_URL=nowhere).succeeded()


def test_a_url_without_scheme_is_https(everleaf, real_ca):
    url = real_ca.url.removeprefix("https://")
    everleaf("ca", "health", "--ca-url", url, "--root", real_ca.root_file).succeeded()


def test_a_plain_http_url_is_refused(everleaf, real_ca):
    url = real_ca.url.replace("https", "http")
    everleaf("ca", "health", "--ca-url", url, "--root", real_ca.root_file).failed("http://")


def test_without_a_url_the_flag_is_named(everleaf):
    everleaf("ca", "health").failed("--ca-url")


def test_without_a_root_the_way_to_get_one_is_named(everleaf, real_ca):
    everleaf("ca", "health", "--ca-url", real_ca.url).failed("--root")


def test_damaged_defaults_are_named(everleaf, bootstrapped):
    defaults = bootstrapped / "config" / "defaults.json"
    defaults.write_text('{"ca-url": "https://127')
    everleaf("ca", "health").failed(defaults)


def test_root_saves_a_file(everleaf, real_ca, work):
    result = everleaf("ca", "root", "ca.crt", "--ca-url", real_ca.url, "--fingerprint", real_ca.fingerprint).succeeded()
    assert result.stderr == "The root certificate has been saved in ca.crt.\n"
    assert (work / "ca.crt").read_text() == real_ca.root.pem


def test_roots_saves_a_bundle(everleaf, real_ca, work):
    result = everleaf("ca", "roots", "roots.crt", *real_ca.trust()).succeeded()
    assert result.stderr == "The root certificate bundle has been saved in roots.crt.\n"
    assert load_all(work / "roots.crt") == [real_ca.root.certificate]


@pytest.mark.parametrize("command", ["root", "roots"])
def test_an_existing_file_is_replaced_only_if_forced(everleaf, bootstrapped, real_ca, work, command):
    (work / "ca.crt").write_text("mine")
    everleaf("ca", command, "ca.crt").failed("ca.crt", "--force")
    assert (work / "ca.crt").read_text() == "mine"
    everleaf("ca", command, "ca.crt", "--force").succeeded()
    assert load(work / "ca.crt") == real_ca.root.certificate
