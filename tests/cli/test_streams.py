# SPDX-License-Identifier: Apache-2.0
"""Pipes and devices where files are named: read to their end, as by step."""
import os
import subprocess
import threading

import pytest

from bad_files import files

READ = [
    ("certificate inspect FILE", "client.crt"),
    ("certificate fingerprint FILE", "client.crt"),
    ("certificate needs-renewal FILE", "expired.crt"),
    ("certificate verify FILE --roots root.crt", "client.crt"),
    ("certificate verify client.crt --roots FILE", "root.crt"),
    ("certificate bundle FILE intermediate.crt out", "leaf.crt"),
    ("certificate bundle leaf.crt FILE out", "intermediate.crt"),
    ("certificate key FILE", "fresh.key"),
    ("certificate key encrypted.key --password-file FILE", "password"),
    ("certificate format FILE", "leaf.der"),
    ("certificate format FILE --out out", "leaf.crt"),
    ("certificate p12 out FILE fresh.key --no-password --insecure", "fresh.crt"),
    ("certificate p12 out fresh.crt FILE --no-password --insecure", "fresh.key"),
    ("certificate p12 out fresh.crt fresh.key --no-password --insecure --ca FILE", "root.crt"),
    ("certificate p12 out fresh.crt fresh.key --password-file FILE", "password"),
    ("certificate create --csr --key FILE myuser out", "fresh.key"),
    ("certificate create --csr --key encrypted.key --password-file FILE myuser out", "password"),
    ("certificate create --csr --key fresh.key --template FILE myuser out", "template"),
    ("certificate create --csr --key fresh.key --template template --set-file FILE myuser out", "set"),
]


def run(everleaf, work, line, file, **more):
    (work / "out").unlink(missing_ok=True)
    result = everleaf(*line.replace("FILE", str(file)).split(), **more).succeeded()
    return result.stdout, (work / "out").exists() and (work / "out").stat().st_mode


@pytest.mark.parametrize("line, good", READ)
def test_a_pipe_is_read_like_a_file(everleaf, work, line, good):
    files(work)
    (work / "template").write_text('{"subject": {{ toJson .Subject }}}')
    (work / "set").write_text('{"team": "web"}')
    by_file = run(everleaf, work, line, good)
    for name in "-", "/dev/stdin":
        assert run(everleaf, work, line, name, stdin=(work / good).read_bytes()) == by_file, name
    os.mkfifo(work / "fifo")
    writer = threading.Thread(target=lambda: (work / "fifo").write_bytes((work / good).read_bytes()))
    writer.start()
    assert run(everleaf, work, line, "fifo") == by_file
    writer.join()


def test_roots_by_a_pipe_also_vouch_for_who_issued_it(everleaf, work):
    files(work)
    result = everleaf("certificate", "verify", "intermediate.crt", "--roots", "-", "--verify-crl", stdin=(work / "root.crt").read_bytes())
    result.failed("does not say where to ask")


def test_more_than_a_file_may_have_is_refused(everleaf, work):
    everleaf("certificate", "inspect", "-", stdin=b"x" * (1 << 20) + b"x").failed("standard input", "larger than").within_limits()


@pytest.mark.parametrize("flag", ["--password-file", "--root"])
def test_what_a_daemon_reads_again_is_a_file(everleaf, work, flag):
    files(work)
    everleaf("ca", "renew", "--daemon", "fresh.crt", "fresh.key", "--ca-url", "https://127.0.0.1:1", flag, "/dev/stdin",
             stdin="secret").failed("--daemon", "/dev/stdin", "regular file")


WRITTEN = [
    "certificate create --csr --key fresh.key myuser FILE",
    "certificate create --csr --no-password --insecure myuser FILE out",
    "certificate create --csr --no-password --insecure myuser out FILE",
    "certificate bundle leaf.crt intermediate.crt FILE",
    "certificate key leaf.crt --out FILE",
    "certificate format leaf.crt --out FILE",
    "certificate p12 FILE fresh.crt fresh.key --no-password --insecure",
]


@pytest.mark.parametrize("line", WRITTEN)
def test_a_pipe_or_device_is_written_to(everleaf, work, line):
    files(work)
    before = sorted(os.listdir("/dev"))
    shown = [run(everleaf, work, line, name) for name in ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")]
    assert all(text for text, _ in shown) and len({mode for _, mode in shown}) == 1
    assert run(everleaf, work, line, "/dev/null")[0] == ""
    everleaf(*line.replace("FILE", "/dev/full").split(), "--force").failed("/dev/full", "no space")
    os.mkfifo(work / "fifo")
    read = []
    reader = threading.Thread(target=lambda: read.append((work / "fifo").read_bytes()))
    reader.start()
    run(everleaf, work, line, "fifo")
    reader.join()
    assert len(read[0]) > 80 and (work / "fifo").is_fifo()
    assert sorted(os.listdir("/dev")) == before


def test_standard_output_that_is_a_file_goes_on_where_it_is(everleaf, work):
    files(work)
    with open(work / "all", "w") as output:
        subprocess.run(["sh", "-c", "echo before; everleaf certificate format leaf.der --out /dev/stdout --force; echo after"],
                       cwd=work, env=everleaf.environment, stdout=output, check=True, stderr=subprocess.DEVNULL)
    assert (work / "all").read_text() == "before\n" + (work / "leaf.crt").read_text() + "after\n"
    assert os.readlink("/dev/stdout") == "/proc/self/fd/1"
