# SPDX-License-Identifier: Apache-2.0
"""ca certificate and ca sign by ACME: step-ca's own server, and pebble as somebody else's."""
import socket
import subprocess

import pytest

from acme import EAB_KEY, AcmeProvisioner, NamesHere, Pebble, Served, pebble_program
from certificates import DAY, Seconds, load, load_all, names_of, now, pair_matches
from step_ca import RealCa, free_port, program, usual_provisioners

CERTIFICATE = ["ca", "certificate", "web.test", "web.crt", "web.key"]


@pytest.fixture(scope="module")
def names():
    names = NamesHere()
    yield names
    names.stop()


@pytest.fixture(scope="module")
def ca(tmp_path_factory, names):
    said = subprocess.run([program(), "version"], capture_output=True, text=True)
    if "/0.19" in said.stdout:
        pytest.skip("this step-ca looks at port 80 only")
    provisioners = [*usual_provisioners(), AcmeProvisioner(), AcmeProvisioner("in the@house"),
                    AcmeProvisioner("dns-only", challenges=["dns-01"])]
    port = free_port()
    ca = RealCa(tmp_path_factory.mktemp("ca"), provisioners,
                ["--acme-http-port", str(port), "--insecure", "--resolver", f"127.0.0.1:{names.port}"])
    ca.http_port = port
    yield ca
    ca.stop()


@pytest.fixture
def acme(ca):
    """The flags for the CA's ACME provisioner."""
    return [*ca.trust(), "--provisioner", "acme", "--http-listen", f"127.0.0.1:{ca.http_port}"]


def by_webroot(ca, directory):
    return [*ca.trust(), "--provisioner", "acme", "--webroot", directory]


@pytest.fixture
def webroot(tmp_path):
    (tmp_path / "www").mkdir()
    return tmp_path / "www"


def test_a_certificate_by_acme(everleaf, ca, acme, work):
    result = everleaf(*CERTIFICATE, *acme).succeeded()
    chain = load_all(work / "web.crt")
    assert [c.subject.rfc4514_string() for c in chain] == ["CN=web.test", "CN=Test Intermediate CA"]
    assert names_of(chain[0]) == ["web.test"] and pair_matches(work / "web.crt", work / "web.key")
    assert result.stdout == "" and result.stderr.splitlines() == [
        "\u2714 Provisioner: acme (ACME)", f"\u2714 CA: {ca.url}", "\u2714 Challenge: http-01 for web.test",
        "\u2714 Certificate: web.crt", "\u2714 Private Key: web.key"]


def test_several_names_and_the_subject(everleaf, acme, work):
    everleaf(*CERTIFICATE, *acme, "--san", "a.test", "--san", "127.0.0.1", "--contact", "me@web.test").succeeded()
    assert names_of(load(work / "web.crt")) == ["127.0.0.1", "a.test", "web.test"]


def test_it_is_renewed_like_every_other(everleaf, ca, acme, work):
    everleaf(*CERTIFICATE, *acme).succeeded()
    before = load(work / "web.crt").serial_number
    everleaf("ca", "renew", "--force", "web.crt", "web.key", *ca.trust()).succeeded()
    assert load(work / "web.crt").serial_number != before


def test_a_request_is_signed_by_acme(everleaf, acme, work):
    everleaf("certificate", "create", "--csr", "--no-password", "--insecure", "--san", "web.test", "--san", "127.0.0.1",
             "web.test", "web.csr", "web.key").succeeded()
    everleaf("ca", "sign", "web.csr", "web.crt", *acme).succeeded()
    assert names_of(load(work / "web.crt")) == ["127.0.0.1", "web.test"]
    assert pair_matches(work / "web.crt", work / "web.key")


def test_dates(everleaf, acme, work):
    everleaf(*CERTIFICATE, *acme, "--not-after", "8h").succeeded()
    assert abs(load(work / "web.crt").not_valid_after - now() - DAY / 3) < Seconds(seconds=30)
    everleaf(*CERTIFICATE, *acme, "--force", "--not-before", "1h", "--not-after", "3h").succeeded()
    certificate = load(work / "web.crt")
    assert certificate.not_valid_after - certificate.not_valid_before == DAY / 8
    everleaf(*CERTIFICATE, *acme, "--force", "--not-after", "480h").failed("the CA failed", "500")


@pytest.mark.parametrize("kind", [["--kty", "RSA"], ["--kty", "OKP"], ["--curve", "P-384"]], ids=" ".join)
def test_other_keys(everleaf, acme, work, kind):
    everleaf(*CERTIFICATE, *acme, *kind).succeeded()
    assert pair_matches(work / "web.crt", work / "web.key")


def test_a_provisioners_name_may_be_odd(everleaf, ca, acme):
    everleaf(*CERTIFICATE, *called(acme, "in the@house")).succeeded()


def called(flags, provisioner):
    return [provisioner if flag == "acme" else flag for flag in flags]


def test_by_the_directory_of_a_web_server(everleaf, ca, work, webroot):
    with Served(webroot, ca.http_port) as served:
        everleaf(*CERTIFICATE, *by_webroot(ca, webroot), "--san", "a.test").succeeded()
    assert names_of(load(work / "web.crt")) == ["a.test", "web.test"]
    assert len(served.asked) == 2 and set(served.modes) == {0o755, 0o644}
    assert list(webroot.iterdir()) == []


def test_what_was_in_that_directory_stays(everleaf, ca, webroot):
    (webroot / ".well-known").mkdir()
    (webroot / ".well-known" / "security.txt").write_text("me")
    with Served(webroot, ca.http_port):
        everleaf(*CERTIFICATE, *by_webroot(ca, webroot)).succeeded()
    assert [str(path.relative_to(webroot)) for path in sorted(webroot.rglob("*"))] == [".well-known", ".well-known/security.txt"]


def test_nobody_answers_the_ca(everleaf, ca, work, webroot):
    result = everleaf(*CERTIFICATE, *by_webroot(ca, webroot)).within_limits(seconds=20)
    result.failed("could not validate web.test", "could not connect", "port 80")
    assert list(work.iterdir()) == [] and list(webroot.iterdir()) == []


def test_somebody_else_answers_the_ca(everleaf, ca, work, webroot):
    with Served(webroot, ca.http_port, instead="something else"):
        everleaf(*CERTIFICATE, *by_webroot(ca, webroot)).within_limits(seconds=5).failed(
            "could not validate web.test", "will not issue")
    assert list(work.iterdir()) == [] and list(webroot.iterdir()) == []


def test_the_address_is_taken(everleaf, ca, acme, work, webroot):
    with Served(webroot, ca.http_port):
        everleaf(*CERTIFICATE, *acme).failed(f"127.0.0.1:{ca.http_port}", "in use", "--webroot")
    assert list(work.iterdir()) == []


@pytest.mark.parametrize("address", ["", "80", "nonsense", ":", ":http", "::1:80", "127.0.0.1:70000", "127.0.0.1:0", "127.0.0.1:-1"])
def test_an_address_that_is_none(everleaf, ca, acme, address):
    everleaf(*CERTIFICATE, *acme[:-1], address).failed("listen")


def test_all_addresses_and_ipv6(everleaf, ca, acme, work):
    for address in (f":{ca.http_port}", f"localhost:{ca.http_port}"):
        everleaf(*CERTIFICATE, *acme[:-1], address, "--force").succeeded()


def test_a_directory_that_is_none(everleaf, ca, tmp_path):
    everleaf(*CERTIFICATE, *by_webroot(ca, tmp_path / "nowhere")).failed(tmp_path / "nowhere")


@pytest.mark.parametrize("name, words", [("*.web.test", "http-01 cannot prove *.web.test"), ("me@web.test", "me@web.test"),
                                         ("https://web.test/x", "https://web.test/x")])
def test_names_that_cannot_be_proved(everleaf, acme, work, name, words):
    everleaf(*CERTIFICATE, *acme, "--san", name).failed(words)
    assert list(work.iterdir()) == []


def test_a_provisioner_without_http_01(everleaf, acme):
    everleaf(*CERTIFICATE, *called(acme, "dns-only")).failed("http-01", "web.test")


def test_one_way_at_a_time(everleaf, acme, webroot):
    everleaf(*CERTIFICATE, *acme[:-2], "--standalone", "--webroot", webroot).failed("--standalone", "--webroot")
    everleaf(*CERTIFICATE, "--acme", "https://127.0.0.1:1/dir", "--token", "x").failed("--acme", "--token")


# Somebody else's

@pytest.fixture(scope="module")
def pebble_of(tmp_path_factory, names):
    made = []
    if not pebble_program():
        pytest.skip("no pebble: it is built where there is Go (scripts/go-tool pebble)")

    def make(**options):
        made.append(Pebble(tmp_path_factory.mktemp("pebble"), pebble_program(), names, **options))
        return made[-1]

    yield make
    for one in made:
        one.stop()


@pytest.fixture(scope="module")
def pebble(pebble_of):
    return pebble_of(blocked=["blocked.test"])


@pytest.fixture(scope="module")
def pebble_of_members(pebble_of):
    return pebble_of(external_accounts={"kid-1": EAB_KEY})


def by_pebble(pebble, roots=None):
    return ["--acme", pebble.url, "--root", roots or pebble.both_file, "--http-listen", f"127.0.0.1:{pebble.http_port}"]


def test_by_another_server(everleaf, pebble, work):
    result = everleaf(*CERTIFICATE, *by_pebble(pebble), "--san", "a.test", "--san", "127.0.0.1").succeeded()
    assert names_of(load(work / "web.crt")) == ["127.0.0.1", "a.test", "web.test"]
    assert pair_matches(work / "web.crt", work / "web.key") and len(load_all(work / "web.crt")) == 2
    assert f"\u2714 CA: {pebble.url.removesuffix('/dir')}" in result.stderr


def test_a_request_is_signed_by_another_server(everleaf, pebble, work):
    everleaf("certificate", "create", "--csr", "--no-password", "--insecure", "web.test", "web.csr", "web.key").succeeded()
    everleaf("ca", "sign", "web.csr", "web.crt", *by_pebble(pebble)).succeeded()
    assert pair_matches(work / "web.crt", work / "web.key")


def test_the_systems_roots_count_too(everleaf, pebble, work):
    flags = ["--acme", pebble.url, "--http-listen", f"127.0.0.1:{pebble.http_port}"]
    everleaf(*CERTIFICATE, *flags).failed("not trusted", "a root that the system trusts")
    everleaf(*CERTIFICATE, *flags, SSL_CERT_FILE=str(pebble.both_file)).succeeded()
    everleaf(*CERTIFICATE, *flags, "--force", "--root", pebble.tls_root_file, SSL_CERT_FILE=str(pebble.root_file)).succeeded()


def test_what_leads_to_no_trusted_root_is_not_stored(everleaf, pebble, work):
    everleaf(*CERTIFICATE, *by_pebble(pebble, pebble.tls_root_file)).failed("does not lead to a trusted root")
    assert list(work.iterdir()) == []


def test_a_refusal_is_said_in_the_cas_words(everleaf, pebble, work):
    everleaf(*CERTIFICATE, *by_pebble(pebble), "--san", "blocked.test").failed("the CA refused", "blocked.test")
    everleaf(*CERTIFICATE, *by_pebble(pebble), "--contact", "nobody").failed("the CA refused", "contact")
    assert list(work.iterdir()) == []


def test_nobody_answers_the_other_server(everleaf, pebble, work, webroot):
    flags = ["--acme", pebble.url, "--root", pebble.both_file, "--webroot", webroot]
    everleaf(*CERTIFICATE, *flags).within_limits(seconds=20).failed("could not validate web.test", "refused")
    assert list(work.iterdir()) == [] and list(webroot.iterdir()) == []


def test_nonces_that_are_refused_are_replaced(everleaf, pebble_of):
    pebble = pebble_of(bad_nonces=30)
    everleaf(*CERTIFICATE, *by_pebble(pebble)).succeeded()
    pebble = pebble_of(bad_nonces=100)
    everleaf(*CERTIFICATE, *by_pebble(pebble), "--force").failed("nonce")


@pytest.fixture
def key_file(tmp_path):
    def make(text):
        (tmp_path / "hmac").write_text(text)
        return ["--eab-kid", "kid-1", "--eab-hmac-key-file", tmp_path / "hmac"]
    return make


@pytest.mark.parametrize("form", [EAB_KEY, EAB_KEY + "\n"], ids=["plain", "line"])
def test_an_external_account(everleaf, pebble_of_members, key_file, work, form):
    result = everleaf(*CERTIFICATE, *by_pebble(pebble_of_members), *key_file(form)).succeeded()
    assert pair_matches(work / "web.crt", work / "web.key") and EAB_KEY not in result.stdout + result.stderr


def test_an_external_account_is_wanted(everleaf, pebble_of_members):
    everleaf(*CERTIFICATE, *by_pebble(pebble_of_members)).failed("external account", "--eab-kid", "--eab-hmac-key-file")


def test_an_external_account_that_is_not_known(everleaf, pebble_of_members, key_file):
    everleaf(*CERTIFICATE, *by_pebble(pebble_of_members), *key_file("A" * 64)).failed("the CA refused")
    everleaf(*CERTIFICATE, *by_pebble(pebble_of_members), *key_file("no base64!")).failed("base64url")
    everleaf(*CERTIFICATE, *by_pebble(pebble_of_members), *key_file("")).failed("base64url")
    everleaf(*CERTIFICATE, *by_pebble(pebble_of_members), "--eab-kid", "kid-1").failed("--eab-hmac-key-file")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/dir", "ftp://x", "https://me:secret@127.0.0.1:1/dir", "x", ""])
def test_a_directory_that_is_no_url(everleaf, url):
    result = everleaf(*CERTIFICATE, "--acme", url, "--http-listen", "127.0.0.1:0")
    result.failed("")
    assert "secret" not in result.stderr
