# SPDX-License-Identifier: Apache-2.0
"""What goes into a certificate or into JSON and is not UTF-8 is refused by the name of its flag, before anything happens. Names of
files may be anything."""
import os

import pytest

BAD = os.fsdecode(b"a\xff")
ROOT = "0" * 64
LINES = [
    ("SUBJECT", "ca token BAD"), ("--san", "ca token myuser --san myuser --san BAD"), ("--kid", "ca token myuser --kid BAD"),
    ("--provisioner", "ca token myuser --issuer BAD"),
    ("SUBJECT", "ca certificate BAD out out.key"), ("--san", "ca certificate myuser out out.key --san BAD"),
    ("--contact", "ca certificate myuser out out.key --contact BAD"), ("--eab-kid", "ca certificate myuser out out.key --eab-hmac-key-file x --eab-kid BAD"),
    ("SUBJECT", "certificate create --csr BAD out out.key"), ("--san", "certificate create --csr myuser --san BAD out out.key"),
    ("SUBJECT", "certificate create --csr --template x BAD out out.key"),
    ("--reason", "ca revoke 1 --reason BAD"),
    ("--context", f"ca bootstrap --fingerprint {ROOT} --context BAD"), ("--authority", f"ca bootstrap --fingerprint {ROOT} --authority BAD"),
    ("--profile", f"ca bootstrap --fingerprint {ROOT} --profile BAD"), ("--redirect-url", f"ca bootstrap --fingerprint {ROOT} --redirect-url BAD"),
    ("--subject", "setup nginx --upstream https://x --subject BAD"),
]


@pytest.mark.parametrize("name, line", LINES)
def test_it_is_refused_by_its_name(everleaf, work, name, line):
    before = set(work.iterdir())
    ca = [] if line.split()[0] in ("certificate", "setup") else ["--ca-url", "https://127.0.0.1:1"]
    everleaf(*[BAD if word == "BAD" else word for word in line.split()], *ca).failed(f"{name}: a\\xff is not UTF-8", "hint: ", "locale")
    assert set(work.iterdir()) == before


def test_a_variable_is_refused_as_well(everleaf):
    everleaf("ca", "token", "myuser", STEP_SAN=BAD).failed("--san: a\\xff is not UTF-8")


def test_a_file_may_be_named_so(everleaf, work):
    everleaf("certificate", "create", "--csr", "myuser", BAD, f"{BAD}.key", "--no-password", "--insecure").succeeded()
    everleaf("certificate", "inspect", BAD).succeeded()
