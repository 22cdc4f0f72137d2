# SPDX-License-Identifier: Apache-2.0
"""Pipes and devices where files are named, by the commands that ask a CA."""
import os
import threading

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from certificates import load, pair_matches
from lying_ca import Lie


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_what_is_read_may_come_by_a_pipe(everleaf, lying_ca, work, name):
    trust, (*provisioner, flag, password) = lying_ca.trust(), lying_ca.credential()
    secret = open(password).read()
    everleaf("certificate", "create", "--csr", "--no-password", "--insecure", "myuser", "my.csr", "my.key").succeeded()
    request = (work / "my.csr").read_text()

    everleaf("ca", "certificate", "myuser", "a.crt", "a.key", *trust, *provisioner, flag, name, stdin=secret).succeeded()
    everleaf("ca", "sign", name, "b.crt", *trust, *lying_ca.credential(), stdin=request).succeeded()
    everleaf("ca", "token", "myuser", "--cnf-file", name, *trust, *lying_ca.credential(), stdin=request).succeeded()
    everleaf("ca", "revoke", "--cert", "a.crt", "--key", name, *trust, stdin=(work / "a.key").read_text()).failed("404")
    (work / "a.der").write_bytes(load(work / "a.crt").public_bytes(Encoding.DER))
    everleaf("ca", "revoke", "--cert", "a.der", "--key", name, *trust, stdin=(work / "a.key").read_text()).failed("404")
    everleaf("ca", "health", "--ca-url", lying_ca.url, "--root", name, stdin=open(lying_ca.root_file).read()).succeeded()
    assert load(work / "a.crt") and load(work / "b.crt")
    key, before = (work / "a.key").read_text(), (work / "a.crt").read_text()
    everleaf("ca", "rekey", "--force", "a.crt", name, *trust, stdin=key).failed(f"cannot read {name}")
    everleaf("ca", "renew", "--daemon", "a.crt", name, *trust, stdin=key).failed(name)
    assert (work / "a.crt").read_text() == before
    everleaf("ca", "renew", "--force", "a.crt", name, *trust, stdin=key).succeeded()
    assert (work / "a.crt").read_text() != before and pair_matches(work / "a.crt", work / "a.key")


def test_the_key_of_a_renewal_may_come_by_a_fifo_whose_writer_comes_later(everleaf, lying_ca, work):
    lying_ca.leaf().save(work / "a.crt", work / "a.key")
    before = (work / "a.crt").read_text()
    os.mkfifo(work / "fifo")
    writer = threading.Thread(target=(work / "fifo").write_text, args=[(work / "a.key").read_text()])
    writer.start()
    everleaf("ca", "renew", "--force", "a.crt", "fifo", *lying_ca.trust()).succeeded()
    writer.join()
    assert (work / "a.crt").read_text() != before and pair_matches(work / "a.crt", work / "a.key")


def test_a_renewed_certificate_is_not_written_over_somebody_elses_where_its_key_came_by_a_pipe(everleaf, lying_ca, work):
    lying_ca.leaf().save(work / "a.crt", work / "a.key")
    lying_ca.lies["renew"] = Lie(meanwhile=lambda: lying_ca.leaf().save(work / "a.crt", work / "a.key"))
    mine = (work / "a.key").read_text()
    everleaf("ca", "renew", "--force", "a.crt", "-", *lying_ca.trust(), stdin=mine).failed("a.crt was changed by somebody else meanwhile")
    assert pair_matches(work / "a.crt", work / "a.key")


def test_what_is_written_may_go_to_standard_output(everleaf, lying_ca, work):
    trust, credential, output = lying_ca.trust(), lying_ca.credential(), "/dev/stdout"
    everleaf("certificate", "create", "--csr", "--no-password", "--insecure", "myuser", "my.csr", "my.key").succeeded()
    certificate = everleaf("ca", "certificate", "myuser", output, "a.key", *trust, *credential).succeeded().stdout
    (work / "a.crt").write_text(certificate)
    assert pair_matches(work / "a.crt", work / "a.key")
    for line in [["ca", "certificate", "myuser", "b.crt", output], ["ca", "sign", "my.csr", output, "--out-leaf", "leaf.crt"],
                 ["ca", "renew", "a.crt", "a.key", "--out", output], ["ca", "token", "myuser", "--output-file", output]]:
        more = [] if line[1] == "renew" else credential
        assert everleaf(*line, *trust, *more).succeeded().stdout, line
    for line in [["ca", "roots", output, *trust], ["ca", "root", output, "--ca-url", lying_ca.url, "--fingerprint", lying_ca.fingerprint]]:
        assert "BEGIN CERTIFICATE" in everleaf(*line).succeeded().stdout, line
    assert sorted(path.name for path in work.iterdir()) == ["a.crt", "a.key", "b.crt", "leaf.crt", "my.csr", "my.key"]
    everleaf("ca", "renew", "a.crt", "a.key", "--out", output, "--daemon", *trust).failed("--daemon", output)
    everleaf("ca", "certificate", "myuser", "/dev/full", "c.key", *trust, *credential).failed("/dev/full", "no space")
