# SPDX-License-Identifier: Apache-2.0
"""Every command that asks a CA, in a directory with files of earlier; and what it must do if it gets no good answer."""
from program import contents

PAIR = ["client.crt", "client.key"]


def certificate(ca):
    return ["ca", "certificate", "myuser", *PAIR, *ca.trust(), *ca.credential(), "--force"]


def certificate_by_token(ca):
    return ["ca", "certificate", "myuser", *PAIR, "--token", ca.token("myuser"), "--force"]


def certificate_by_acme(ca):
    return ["ca", "certificate", "myuser", *PAIR, "--acme", f"{ca.url}/acme_directory", "--root", ca.root_file, "--webroot", ".",
            "--force"]


def token(ca):
    return ["ca", "token", "myuser", *ca.trust(), *ca.credential(), "--output-file", "token", "--force"]


def renew(ca):
    return ["ca", "renew", *PAIR, *ca.trust(), "--force"]


def renew_by_token(ca):
    return [*renew(ca), "--mtls=false"]


def rekey(ca):
    return ["ca", "rekey", *PAIR, *ca.trust(), "--force"]


def bootstrap(ca):
    return ["ca", "bootstrap", "--ca-url", ca.url, "--fingerprint", ca.fingerprint, "--force"]


def root(ca):
    return ["ca", "root", "ca.crt", "--ca-url", ca.url, "--fingerprint", ca.fingerprint, "--force"]


def roots(ca):
    return ["ca", "roots", "ca.crt", *ca.trust(), "--force"]


def health(ca):
    return ["ca", "health", *ca.trust()]


# Every command with each endpoint that can lie to it.
ASKING = [
    (certificate, "provisioners"), (certificate, "sign"), (certificate_by_token, "root"), (certificate_by_token, "sign"),
    (token, "provisioners"), (renew, "renew"), (renew_by_token, "renew"), (rekey, "rekey"), (bootstrap, "root"),
    (root, "root"), (roots, "roots"), (health, "health"),
    *((certificate_by_acme, f"acme_{one}") for one in ("directory", "order", "authorization", "challenge", "orders", "finalize", "certificate")),
]
RENEWING = [(renew, "renew"), (renew_by_token, "renew"), (rekey, "rekey")]
ISSUING = [(certificate, "sign"), (certificate_by_token, "sign"), (certificate_by_acme, "acme_certificate"), *RENEWING]
VERIFYING = [certificate, certificate_by_acme, token, renew, renew_by_token, rekey, roots, health]


def name(value):
    if isinstance(value, tuple):
        return f"{value[0].__name__}-{value[1]}"
    return getattr(value, "__name__", None) or str(value)


def old_files_of(ca, work):
    ca.leaf().save(work / "client.crt", work / "client.key")
    (work / "ca.crt").write_text("old root\n")
    (work / "token").write_text("old token\n")
    return contents(work)


def refused(result, work, before, *words):
    result.failed(*words).within_limits()
    assert contents(work) == before
    return result
