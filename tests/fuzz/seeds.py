# SPDX-License-Identifier: Apache-2.0
"""What the fuzz targets start with, made of tests/data: seeds.py DIRECTORY writes DIRECTORY/TARGET/*."""
import json
import sys
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import ocsp

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from certificates import DAY, DER, hierarchy, now  # noqa: E402

DATA = Path(__file__).resolve().parents[1] / "data"
REPOSITORY = DATA.parents[1]
PROVISIONER = json.loads((DATA / "step/provisioner.json").read_text())
FINGERPRINT = (DATA / "x509/leaf.sha256").read_text().strip()


def texts(pattern):
    return [path.read_text() for path in sorted(DATA.glob(pattern))]


def answers():
    root, (leaf,) = texts("step/root.crt")[0], texts("step/leaf.crt")
    chain = [block + "-----END CERTIFICATE-----\n" for block in leaf.split("-----END CERTIFICATE-----\n")[:-1]]
    return ["h" + json.dumps({"status": "ok"}), "1" + json.dumps({"ca": root}), "r" + json.dumps({"crts": [root, root]}),
            "c" + json.dumps({"crt": chain[0], "ca": chain[-1], "certChain": chain}),
            "c" + json.dumps({"crt": chain[0], "ca": chain[-1], "certChain": None}),
            "p" + json.dumps({"provisioners": [PROVISIONER], "nextCursor": "4f"}),
            "?" + json.dumps({"status": 403, "message": "The request was forbidden."}),
            "?" + json.dumps({"type": "notFound", "detail": "not found"}), "?<html>502 Bad Gateway</html>"]


def acme():
    place = "https://ca.internal/acme/"
    problem = {"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": "no", "status": 403,
               "subproblems": [{"type": "about:blank", "detail": "blocked", "identifier": {"type": "dns", "value": "a.local"}}]}
    challenge = {"type": "http-01", "status": "pending", "token": "a-b_c", "url": place + "challenge/1", "error": problem}
    return ["d" + json.dumps({"newNonce": place + "nonce", "newAccount": place + "account", "newOrder": place + "order",
                              "meta": {"externalAccountRequired": True}}),
            "o" + json.dumps({"status": "valid", "authorizations": [place + "authz/1"], "finalize": place + "finalize/1",
                              "certificate": place + "certificate/1", "error": problem}),
            "a" + json.dumps({"status": "pending", "identifier": {"type": "dns", "value": "a.local"}, "challenges": [challenge]}),
            "c" + json.dumps(challenge), "?" + json.dumps(problem), "?<html>502</html>",
            "rGET /.well-known/acme-challenge/token HTTP/1.1\r\nHost: a.local\r\n\r\n"]


def states():
    owed = {"certificate": "one", "leaf": FINGERPRINT, "since": "2026-01-02T15:04:05Z"}
    file = {"path": "/etc/tls.crt", "temporary": "abcdefgh", "sha256": FINGERPRINT}
    return [json.dumps({"version": 1, "failures": 2, "last-failure": "2026-01-02T15:04:05Z", "last-kind": 4,
                        "last-error": "no", "not-before": "2026-01-02T15:05:05Z"}),
            json.dumps({"version": 1, "owed": [owed], "failures": 1, "last-error": "no"}),
            json.dumps({"version": 1, "files": [file, file]}), *texts("x509/root.crt")]


def revocations():
    made = hierarchy()
    crl = x509.CertificateRevocationListBuilder().issuer_name(made.root.certificate.subject).last_update(now()).next_update(now() + DAY)
    answer = ocsp.OCSPResponseBuilder().add_response(
        made.intermediate.certificate, made.root.certificate, hashes.SHA1(), ocsp.OCSPCertStatus.GOOD, now(), now() + DAY, None, None)
    answer = answer.responder_id(ocsp.OCSPResponderEncoding.HASH, made.root.certificate).sign(made.root.key, hashes.SHA256())
    return [crl.sign(made.root.key, hashes.SHA256()).public_bytes(DER), answer.public_bytes(DER)]


SEEDS = {
    "certificate": texts("x509/*.crt") + texts("step/*.crt"),
    "private_key": texts("x509/keys/*"),
    "jwk": texts("jose/*.jwk"),
    "jwe": texts("jose/*.jwe") + [PROVISIONER["encryptedKey"]],
    "token": texts("jose/*.jws"),
    "answer": answers(),
    "team": [json.dumps({"url": "https://ca.internal:9443", "fingerprint": FINGERPRINT, "provisioner": "sso",
                         "redirect-url": "https://sso.internal", "min-password-length": 12})],
    "acme": acme(),
    "template": ['{"subject": {{ toJson .Subject }}, "sans": {{ toJson .SANs }}}',
                 '{{- /* a */ -}}{{ $x := .team | default "a" }}{{ if and .yes (not .no) }}{{ $x }}{{ else if eq .team "b" }}{{ end }}',
                 '{{ range $i, $e := .list }}{{ if $i }}, {{ end }}{{ printf "%s.test %v" $e .map | toJson }}{{ else }}{{ end }}',
                 '{{ with .deep.k }}{{ (index .v 1).w | upper }}{{ end }}{{ list 1 1.5e3 `raw` "\\u00fc\\n" | join "-" | quote }}',
                 '{"subject": {"commonName": "a", "organization": ["b"], "extraNames": [{"type": "1.2.3.4", "value": "c"}]}, '
                 '"sans": [{"type": "dns", "value": "d"}], "dnsNames": "e", "ipAddresses": ["::1"], "uris": "urn:a:b", '
                 '"emailAddresses": null, "keyUsage": ["certSign"], "extKeyUsage": "serverAuth", "unknownExtKeyUsage": "1.2.3", '
                 '"basicConstraints": {"isCA": true}, "extensions": [{"id": "1.2.3.4", "critical": true, "value": "BQA="}], '
                 '"signatureAlgorithm": "ECDSA-SHA256"}'],
    "url": ["https://ca.internal:9443", "ca.internal", "::1", "[::1]:9443", "https://user@host/path?query#fragment"],
    "time": ["2026-01-02T15:04:05Z", "2026-01-02T15:04:05.123+01:00", "1h30m", "-5m", "1.5h", "2d", "0"],
    "configuration": [path.read_text() for path in sorted((REPOSITORY / "docs").rglob("*.toml"))] + [
        '[ca]\nurl = "https://ca.internal:9443"\nfingerprint = "' + FINGERPRINT + '"\n[proxy.nginx]\n'
        'reload = { systemd = "nginx.service", time-limit = "30s" }\n[certificate.web]\nsubject = "myuser"\n'
        'names = ["myuser", "10.0.0.7"]\nkey = "ec-p256"\nenroll = { token-file = "/run/token" }\nrekey = "30d"\n'
        'survive = "8h"\nused-by = ["nginx"]\n[certificate.a.files]\ncertificate = "/a"\nkey = "/b"\n'],
    "state": states(),
    "revocation": revocations(),
    "haproxy": [b"\xff".join([b"# filename\n/a.pem\n\n", b"Filename: /a.pem\nSHA1 FingerPrint: " + b"B" * 40 + b"\n\n",
                             b"Transaction created for certificate /a.pem!\n\n", b"Committing /a.pem.\nSuccess!\n\n",
                             b"Filename: /a.pem\nSHA1 FingerPrint: " + b"A" * 40 + b"\n\n"]),
                b"# transaction\n*/b.pem\n# filename\n/a.pem\n\n\xffUnknown command: 'show'\n"],
    "stat": ["4242 (nginx) S 1 4242 4242 0 -1 4194624 203 0 0 0 0 0 0 0 20 0 1 0 987654 56832000 1580 0\n",
             "1 (a ) b) R" + " 1" * 60],
    "name": ["myuser", "10.0.0.7", "2001:db8::1", "me@a.local", "https://a.local/x", "*.example", "Jürgen"],
}

for target, seeds in SEEDS.items():
    directory = Path(sys.argv[1]) / target
    directory.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        (directory / f"seed-{number}").write_bytes(seed if isinstance(seed, bytes) else seed.encode())
