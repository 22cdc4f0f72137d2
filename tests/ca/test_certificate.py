# SPDX-License-Identifier: Apache-2.0
"""ca certificate and ca token: the first certificate."""
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from certificates import DAY, Seconds, load, load_all, load_key, names_of, now, pair_matches
from jose import claims_of, header_of
from lying_ca import LIES, says
from program import BINARIES, wait_until

REQUEST = ["ca", "certificate", "client.test", "client.crt", "client.key"]


def test_by_the_password_of_a_provisioner(everleaf, real_ca, work):
    result = everleaf(*REQUEST, *real_ca.trust(), *real_ca.credential()).succeeded()
    chain = load_all(work / "client.crt")
    assert [c.subject.rfc4514_string() for c in chain] == ["CN=client.test", "CN=Test Intermediate CA"]
    assert names_of(chain[0]) == ["client.test"]
    assert pair_matches(work / "client.crt", work / "client.key")
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"\u2714 Provisioner: admin (JWK) [kid: {real_ca.provisioners['admin'].kid}]", f"\u2714 CA: {real_ca.url}",
        "\u2714 Certificate: client.crt", "\u2714 Private Key: client.key"]


@pytest.mark.parametrize("date, hint", [("Thu, 01 Jan 2015 00:00:00 GMT", "behind the one here"),
                                        ("Fri, 31 Dec 2100 23:59:59 GMT", "ahead of the one here"), (None, "only once")])
def test_a_token_that_is_refused_may_be_the_clocks_fault(everleaf, lying_ca, work, date, hint):
    lying_ca.lies["sign"] = says('{"status":401,"message":"no"}', 401, **({"Date": date} if date else {}))
    result = everleaf(*REQUEST, *lying_ca.trust(), *lying_ca.credential()).failed("401")
    assert hint in result.stderr, str(result)


def test_only_the_owner_can_read_the_key(everleaf, real_ca, work):
    everleaf(*REQUEST, *real_ca.trust(), *real_ca.credential()).succeeded()
    assert stat.S_IMODE((work / "client.key").stat().st_mode) == 0o600


def test_nothing_else_is_left_in_the_directory(everleaf, real_ca, work):
    everleaf(*REQUEST, *real_ca.trust(), *real_ca.credential()).succeeded()
    assert sorted(path.name for path in work.iterdir()) == ["client.crt", "client.key"]


def test_by_a_token_which_also_tells_the_ca_and_its_root(everleaf, real_ca, work):
    result = everleaf(*REQUEST, "--token", real_ca.token("client.test")).succeeded()
    assert pair_matches(work / "client.crt", work / "client.key")
    assert f"\u2714 CA: {real_ca.url}" in result.stderr


@pytest.mark.parametrize("given", [["--token", "{}"], ["--token={}"], ["-token", "{}"], ["-token={}"]])
def test_ps_does_not_show_a_token(everleaf, lying_ca, work, given):
    lying_ca.lies["sign"] = LIES["is silent"]
    token = lying_ca.token("client.test")
    with subprocess.Popen([BINARIES / "everleaf", *REQUEST, *(word.format(token) for word in given)], cwd=work, env=everleaf.environment,
                          stderr=subprocess.DEVNULL) as asking:
        wait_until(lambda: lying_ca.asked("sign"), what="the CA is asked")
        shown = Path(f"/proc/{asking.pid}/cmdline").read_text()
        asking.kill()
    assert "-token" in shown and token not in shown and "xxx" in shown


def test_by_a_token_without_fingerprint_and_the_flags(everleaf, real_ca, work):
    token = real_ca.provisioners["admin"].token("client.test", f"{real_ca.url}/1.0/sign")
    everleaf(*REQUEST, "--token", token).failed("--ca-url")
    everleaf(*REQUEST, "--token", token, *real_ca.trust()).succeeded()


def test_by_a_token_in_the_environment(everleaf, real_ca, work):
    everleaf(*REQUEST, STEP_TOKEN=real_ca.token("client.test")).succeeded()


def test_a_tokens_subject_may_differ_in_case(everleaf, real_ca, work):
    everleaf("ca", "certificate", "Client.Test", "client.crt", "client.key", "--token",
             real_ca.token("client.test")).succeeded()


def test_the_names_come_from_the_token(everleaf, real_ca, work):
    everleaf(*REQUEST, "--token", real_ca.token("client.test", sans=["a.test", "10.0.0.7"])).succeeded()
    assert names_of(load(work / "client.crt")) == ["10.0.0.7", "a.test"]


def test_by_defaults_and_the_environment(everleaf, real_ca, work):
    everleaf("ca", "bootstrap", "--ca-url", real_ca.url, "--fingerprint", real_ca.fingerprint).succeeded()
    everleaf(*REQUEST, STEP_PROVISIONER="admin", STEP_PROVISIONER_PASSWORD_FILE=str(real_ca.password_file())).succeeded()


def test_the_provisioner_may_be_in_the_defaults(everleaf, real_ca, tmp_path):
    defaults = tmp_path / "home" / ".step" / "config" / "defaults.json"
    defaults.parent.mkdir(parents=True)
    defaults.write_text(f'{{"ca-url": "{real_ca.url}", "root": "{real_ca.root_file}", "provisioner": "admin"}}')
    everleaf(*REQUEST, "--provisioner-password-file", real_ca.password_file()).succeeded()


def test_of_several_provisioners_one_must_be_named(everleaf, real_ca):
    everleaf(*REQUEST, *real_ca.trust(), "--provisioner-password-file",
             real_ca.password_file()).failed("--provisioner", "admin", "late", "norenew")


def test_an_only_provisioner_need_not_be_named(everleaf, only_provisioner_ca):
    ca = only_provisioner_ca
    everleaf(*REQUEST, *ca.trust(), "--provisioner-password-file", ca.password_file("only")).succeeded()


def test_an_unknown_provisioner_is_named(everleaf, real_ca):
    everleaf(*REQUEST, *real_ca.trust(), "--provisioner", "amdin", "--provisioner-password-file",
             real_ca.password_file()).failed("amdin")


def test_names_replace_the_subject(everleaf, real_ca, work):
    everleaf(*REQUEST, *real_ca.trust(), *real_ca.credential(), "--san", "a.test", "--san", "10.0.0.7").succeeded()
    assert names_of(load(work / "client.crt")) == ["10.0.0.7", "a.test"]


def test_names_and_a_token_exclude_each_other(everleaf, real_ca):
    everleaf(*REQUEST, "--token", real_ca.token("client.test"), "--san", "a.test").failed("--san", "--token")


def test_a_lifetime(everleaf, real_ca, work):
    everleaf(*REQUEST, *real_ca.trust(), *real_ca.credential(), "--not-after", "8h").succeeded()
    certificate = load(work / "client.crt")
    assert certificate.not_valid_after - certificate.not_valid_before == DAY / 3


def test_two_dates(everleaf, real_ca, work):
    start = now() + Seconds(seconds=5)
    end = start + DAY / 2
    everleaf(*REQUEST, *real_ca.trust(), *real_ca.credential(), "--not-before", "-5m", "--not-after",
             f"{end.isoformat()}Z").succeeded()
    certificate = load(work / "client.crt")
    assert certificate.not_valid_after == end
    assert abs(certificate.not_valid_before - (now() - Seconds(minutes=5))) < Seconds(seconds=5)


@pytest.mark.parametrize("nonsense", ["12", "1 week", "tomorrow", "2026-13-01T00:00:00Z"])
def test_a_date_that_is_none_is_refused_before_the_ca_is_asked(everleaf, lying_ca, nonsense):
    everleaf(*REQUEST, *lying_ca.trust(), *lying_ca.credential(), "--not-after", nonsense).failed("--not-after", nonsense)
    assert lying_ca.asked("sign") == []


def test_a_lifetime_over_the_limit_is_refused_in_the_cas_words(everleaf, real_ca, work):
    everleaf(*REQUEST, *real_ca.trust(), *real_ca.credential(), "--not-after", "48h").failed("48h", "24h")
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("flags, expected", [
    (["--kty", "EC"], "secp256r1"),
    (["--kty", "EC", "--curve", "P-256"], "secp256r1"),
    (["--kty", "EC", "--crv", "P-384"], "secp384r1"),
    (["--kty", "EC", "--curve", "P-521"], "secp521r1"),
    (["--kty", "OKP", "--curve", "Ed25519"], "ed25519"),
    (["--kty", "OKP"], "ed25519"),
    (["--kty", "RSA"], "rsa 2048"),
    (["--kty", "RSA", "--size", "3072"], "rsa 3072"),
], ids=lambda value: value if isinstance(value, str) else " ".join(value))
def test_a_key_of_each_type(everleaf, real_ca, work, flags, expected):
    everleaf(*REQUEST, *real_ca.trust(), *real_ca.credential(), *flags).succeeded()
    assert describe(load_key(work / "client.key")) == expected
    assert pair_matches(work / "client.crt", work / "client.key")


def describe(key):
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.curve.name
    if isinstance(key, rsa.RSAPrivateKey):
        return f"rsa {key.key_size}"
    assert isinstance(key, ed25519.Ed25519PrivateKey)
    return "ed25519"


@pytest.mark.parametrize("flags, named", [
    (["--size", "2048"], "--kty"),
    (["--kty", "RSA", "--curve", "P-256"], "curve"),
    (["--kty", "EC", "--size", "2048"], "--size"),
    (["--kty", "RSA", "--size", "1024"], "2048"),
    (["--kty", "DSA"], "DSA"),
    (["--kty", "EC", "--curve", "P-257"], "P-257"),
], ids=lambda value: value if isinstance(value, str) else " ".join(value))
def test_a_key_that_makes_no_sense_is_refused_before_the_ca_is_asked(everleaf, lying_ca, flags, named):
    everleaf(*REQUEST, *lying_ca.trust(), *lying_ca.credential(), *flags).failed(named)
    assert lying_ca.asked("sign") == []


def test_force_replaces_existing_files(everleaf, real_ca, work):
    for name in ("client.crt", "client.key"):
        (work / name).write_text("old")
    everleaf(*REQUEST, *real_ca.trust(), *real_ca.credential(), "--force").succeeded()
    assert pair_matches(work / "client.crt", work / "client.key")


def test_a_token_is_printed_and_works(everleaf, real_ca):
    result = everleaf("ca", "token", "client.test", *real_ca.trust(), *real_ca.credential()).succeeded()
    token = result.stdout.removesuffix("\n")
    everleaf(*REQUEST, "--token", token).succeeded()


def test_a_token_says_what_step_says(everleaf, real_ca):
    token = everleaf("ca", "token", "client.test", "--san", "a.test", "--san", "b.test", *real_ca.trust(),
                     *real_ca.credential()).succeeded().stdout.strip()
    claims = claims_of(token)
    assert header_of(token) == {"alg": "ES256", "kid": real_ca.provisioners["admin"].kid, "typ": "JWT"}
    assert (claims["iss"], claims["sub"], claims["sans"]) == ("admin", "client.test", ["a.test", "b.test"])
    assert (claims["aud"], claims["sha"]) == (f"{real_ca.url}/1.0/sign", real_ca.fingerprint)
    assert claims["exp"] - claims["nbf"] == 300
    assert len(claims["jti"]) == 64


def test_two_tokens_differ(everleaf, real_ca):
    make = ["ca", "token", "client.test", *real_ca.trust(), *real_ca.credential()]
    assert everleaf(*make).succeeded().stdout != everleaf(*make).succeeded().stdout


def test_a_tokens_own_lifetime(everleaf, real_ca):
    token = everleaf("ca", "token", "client.test", "--not-after", "10m", *real_ca.trust(),
                     *real_ca.credential()).succeeded().stdout.strip()
    assert claims_of(token)["exp"] - claims_of(token)["nbf"] == 600


@pytest.mark.parametrize("flags", [["--not-after", "5s"], ["--not-after", "2h"], ["--not-before", "31m", "--not-after", "40m"]],
                         ids=" ".join)
def test_a_token_too_short_too_long_or_too_late_is_refused(everleaf, real_ca, flags):
    assert everleaf("ca", "token", "x.test", *flags, *real_ca.trust(), *real_ca.credential()).failed().stdout == ""


def test_a_token_in_a_file(everleaf, real_ca, work):
    result = everleaf("ca", "token", "client.test", "--output-file", "token", *real_ca.trust(), *real_ca.credential())
    assert result.succeeded().stdout == ""
    assert stat.S_IMODE((work / "token").stat().st_mode) == 0o600
    assert claims_of((work / "token").read_text())["sub"] == "client.test"
    assert not (work / "token").read_text().endswith("\n")
