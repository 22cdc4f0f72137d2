# SPDX-License-Identifier: Apache-2.0
"""certificate verify --verify-crl and --verify-ocsp: with OpenSSL's responder, lists of all kinds, and step-ca's own list. Where
there is a real step, it has to come to the same verdict, unless a case says that it does not."""
import datetime
import os
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from certificates import DAY, DER, PEM, hierarchy, issue, now
from program import environment, run
from step_ca import RealCa

STEP = os.environ.get("EVERLEAF_TEST_STEP")


class Authority:
    """An intermediate with one good and one revoked leaf, and a server on loopback that has its word in many forms."""

    def __init__(self, directory):
        self.directory = directory
        self.answers = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self.handler())
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        made, other = hierarchy(), hierarchy("Other")
        self.root, self.intermediate, self.stranger = made.root, made.intermediate, other.intermediate
        self.root.save(directory / "root.crt")
        (directory / "intermediate.crt").write_text(self.intermediate.pem)
        (directory / "stranger.crt").write_text(self.stranger.pem)
        leaves = {name: self.leaf(name) for name in ("good", "revoked")}
        leaves["bare"] = issue(self.intermediate, "bare")
        self.serial = leaves["revoked"].certificate.serial_number
        for name, leaf in leaves.items():
            leaf.save(directory / f"{name}.crt")
        (directory / "two.crt").write_text(self.leaf("two", ["http://127.0.0.1:1/crl", self.url("/crl")]).chain_pem)
        self.publish(leaves)

    def url(self, path):
        return f"http://127.0.0.1:{self.server.server_port}{path}"

    def leaf(self, subject, crls=None):
        url = x509.UniformResourceIdentifier
        points = [x509.DistributionPoint([url(one)], None, None, None) for one in crls or [self.url("/crl")]]
        access = [x509.AccessDescription(AuthorityInformationAccessOID.OCSP, url(self.url("/ocsp"))),
                  x509.AccessDescription(AuthorityInformationAccessOID.CA_ISSUERS, url(self.url("/issuer")))]
        return issue(self.intermediate, subject, extensions=[x509.CRLDistributionPoints(points), x509.AuthorityInformationAccess(access)])

    def crl(self, signer=None, begin=None, lifetime=DAY):
        signer, begin = signer or self.intermediate, begin or now() - datetime.timedelta(minutes=1)
        entry = x509.RevokedCertificateBuilder().serial_number(self.serial).revocation_date(begin).build()
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.certificate.public_key())
        builder = x509.CertificateRevocationListBuilder().issuer_name(signer.certificate.subject).last_update(begin)
        builder = builder.add_extension(authority, critical=False).add_extension(x509.CRLNumber(1), critical=False)
        return builder.next_update(begin + lifetime).add_revoked_certificate(entry).sign(signer.key, hashes.SHA256())

    def publish(self, leaves):
        good = self.crl().public_bytes(DER)
        self.answers = {
            "/crl": good, "/crl.pem": self.crl().public_bytes(PEM), "/issuer": self.intermediate.certificate.public_bytes(DER),
            "/of-stranger": self.crl(self.stranger).public_bytes(DER), "/cut": good[:100], "/empty": b"", "/huge": bytes(40 << 20),
            "/outdated": self.crl(begin=now() - 5 * DAY).public_bytes(DER),
            "/future": self.crl(begin=now() + DAY).public_bytes(DER)}
        for name, purposes in (("delegate", [ExtendedKeyUsageOID.OCSP_SIGNING]), ("pretender", [ExtendedKeyUsageOID.CLIENT_AUTH])):
            issue(self.intermediate, name, purposes=purposes).save(self.directory / f"{name}.crt", self.directory / f"{name}.key")
        self.intermediate.save(self.directory / "issuer.crt", self.directory / "issuer.key")
        self.stranger.save(self.directory / "stranger.chain", self.directory / "stranger.key")
        lines = [f"{'R' if name == 'revoked' else 'V'}\t991231235959Z\t{'250101000000Z' if name == 'revoked' else ''}\t"
                 f"{leaf.certificate.serial_number:X}\tunknown\t/CN={name}\n" for name, leaf in leaves.items() if name != "bare"]
        (self.directory / "index.txt").write_text("".join(lines))

    def answer_ocsp(self, path, request):
        """OpenSSL's responder, signing as whom the path says. Go does not expect the certificate of the issuer in its answer."""
        signer = path.partition("/ocsp-by-")[2] or "issuer"
        (self.directory / "request.der").write_bytes(request)
        subprocess.run(["openssl", "ocsp", "-index", "index.txt", "-CA", "intermediate.crt", "-rsigner", f"{signer}.crt", "-rkey", f"{signer}.key",
                        *(["-resp_no_certs"] if signer == "issuer" else []), "-reqin", "request.der", "-respout", "answer.der", "-ndays", "1"], cwd=self.directory, check=True, capture_output=True)
        return (self.directory / "answer.der").read_bytes()

    def handler(authority):  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                self.answer(authority.answers.get(self.path))

            def do_POST(self):
                asked = self.rfile.read(int(self.headers["Content-Length"]))
                if self.path.startswith("/ocsp"):
                    assert self.headers["Content-Type"] == "application/ocsp-request"
                    self.answer(authority.answer_ocsp(self.path, asked))
                else:
                    self.answer(authority.answers.get(self.path))

            def answer(self, body):
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                try:
                    self.wfile.write(body or b"")
                except OSError:
                    pass  # who asked has had enough

            def log_message(self, *arguments):
                pass

        return Handler


@pytest.fixture
def authority(work):
    authority = Authority(work)
    yield authority
    authority.server.shutdown()
    authority.server.server_close()


def verify(everleaf, *arguments, step=None):
    """Ours; step has to end with the same status, or with `step`."""
    words = ["certificate", "verify", *arguments, "--roots", "root.crt"]
    result = everleaf(*words).within_limits(seconds=20, mib=40)
    if STEP:
        theirs = run([STEP, *words], everleaf.directory, environment(everleaf.directory))
        assert theirs.status == (result.status if step is None else step), f"{theirs}\n{result}"
    return result


CRL, OCSP = "--verify-crl", "--verify-ocsp"


@pytest.mark.parametrize("flags", [[CRL], [OCSP], [CRL, OCSP], [CRL, "--issuing-ca", "intermediate.crt"]], ids=" ".join)
def test_what_is_good_is_valid_and_what_is_revoked_is_not(everleaf, authority, flags):
    said = verify(everleaf, "good.crt", *flags, "--verbose").succeeded().stdout
    assert (f"certificate not revoked in CRL {authority.url('/crl')}\n" in said) == (CRL in flags)
    assert (f"certificate status is good according OCSP {authority.url('/ocsp')}\n" in said) == (OCSP in flags)
    verify(everleaf, "revoked.crt", *flags).failed("cannot verify revoked.crt", "revoked", authority.url("/"))


@pytest.mark.parametrize("path", ["/of-stranger", "/cut", "/empty", "/huge", "/nowhere"])
def test_a_list_that_proves_nothing_is_an_error(everleaf, authority, path):
    for leaf in ("good.crt", "revoked.crt"):
        verify(everleaf, leaf, CRL, "--crl-endpoint", authority.url(path)).failed("cannot verify", authority.url("/"))
        verify(everleaf, leaf, OCSP, "--ocsp-endpoint", authority.url(path)).failed("cannot verify", authority.url("/"))


@pytest.mark.parametrize("path, word", [("/outdated", "outdated"), ("/future", "not valid before")])
def test_a_list_of_another_time_is_an_error(everleaf, authority, path, word):
    verify(everleaf, "good.crt", CRL, "--crl-endpoint", authority.url(path), step=0).failed(word)  # step does not look


def test_a_list_may_be_pem(everleaf, authority):
    verify(everleaf, "good.crt", CRL, "--crl-endpoint", authority.url("/crl.pem"), step=1).succeeded()


def test_a_responder_may_be_authorised_by_the_issuer_and_nobody_else(everleaf, authority):
    by = lambda who: [OCSP, "--ocsp-endpoint", authority.url(f"/ocsp-by-{who}")]
    verify(everleaf, "good.crt", *by("delegate")).succeeded()
    verify(everleaf, "revoked.crt", *by("delegate")).failed("revoked")
    verify(everleaf, "good.crt", *by("stranger")).failed("not signed by the issuer")
    # step takes it from whomever the issuer gave a certificate: any client could vouch for itself.
    verify(everleaf, "good.crt", *by("pretender"), step=0).failed("not signed by the issuer")


def test_a_certificate_that_the_responder_does_not_know_is_not_valid(everleaf, authority):
    verify(everleaf, "bare.crt", OCSP, "--ocsp-endpoint", authority.url("/ocsp"), "--issuing-ca", "intermediate.crt").failed("not known")


def test_the_next_place_is_asked_if_one_fails(everleaf, authority):
    assert authority.url("/crl") in verify(everleaf, "two.crt", CRL, "-v").succeeded().stdout


def test_where_nothing_says_whom_to_ask_that_is_an_error(everleaf, authority):
    verify(everleaf, "bare.crt", CRL, "--issuing-ca", "intermediate.crt").failed("--crl-endpoint")
    verify(everleaf, "bare.crt", OCSP, "--issuing-ca", "intermediate.crt").failed("--ocsp-endpoint")
    verify(everleaf, "good.crt", OCSP, "--issuing-ca", "stranger.crt").failed("stranger.crt is not the issuer")
    verify(everleaf, "good.crt", CRL, "--crl-endpoint", "file:///etc/hostname").failed("cannot ask file:///etc/hostname")


def test_the_list_of_step_ca(everleaf, work, tmp_path):
    class Listing(RealCa):
        def configuration(self):
            return {**super().configuration(), "crl": {"enabled": True, "generateOnRevoke": True}}

    ca = Listing(tmp_path / "ca")
    try:
        everleaf("ca", "certificate", "a.test", "a.crt", "a.key", *ca.trust(), *ca.credential()).succeeded()
        words = ["certificate", "verify", "a.crt", CRL, "--crl-endpoint", f"{ca.url}/1.0/crl", "--roots", ca.root_file]
        first = everleaf(*words)
        if "404" in first.stderr:
            pytest.skip("this step-ca has no CRL")
        first.succeeded()
        everleaf(*words[:-2]).failed()
        everleaf("ca", "revoke", "--cert", "a.crt", "--key", "a.key", *ca.trust()).succeeded()
        everleaf(*words).failed("revoked", f"{ca.url}/1.0/crl")
    finally:
        ca.stop()
