# SPDX-License-Identifier: Apache-2.0
"""Files that are wrong in every way, and what a command has to do when it is given one."""
import os
import shlex
from pathlib import Path

from cryptography.hazmat.primitives import serialization

from certificates import new_key
from program import contents
from sample_files import sample_files

UNREADABLE = ["missing", "directory", "failing", "huge", "endless"]
MALFORMED = ["empty", "cut", "text", "binary"]
KINDS = UNREADABLE + MALFORMED


def lines_of(file):
    return [line for line in Path(file).read_text().splitlines() if line[:1] not in ("", "#")]


def bad_file(work, kind):
    file = work / f"bad-{kind}"
    if kind == "directory":
        file.mkdir()
    elif kind == "failing":
        file.symlink_to("/proc/self/mem")  # a regular file whose reading fails, also for root
    elif kind == "endless":
        file.symlink_to("/dev/zero")
    elif kind == "huge":
        file.touch()
        os.truncate(file, 100 << 20)
    elif kind in MALFORMED:
        file.write_bytes((work / f"{kind}.crt").read_bytes())
    return file.name


def files(work):
    sample_files(work)
    (work / "client.crt").write_bytes((work / "fresh.crt").read_bytes())
    (work / "password").write_text("secret\n")
    (work / "encrypted.key").write_bytes(new_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")))


def look(work, name):
    """All that is there, but for 100 MB of zeros."""
    return {path: entry for path, entry in contents(work).items() if path != name or "huge" not in name}


def status_of(line, missing=False):
    """The exit status of a command that cannot do what it is asked."""
    if "needs-renewal" in line:
        return 2 if missing and "--roots" not in line else 255
    return 2 if line.startswith("status --") else 1  # with NAME: it was answered, or makes no sense


def require_refusal(everleaf, work, line, kind):
    """`line` with a bad file for FILE: an error that names it, in bounded time and space, and no file left."""
    name = bad_file(work, kind)
    before = look(work, name)
    result = everleaf(*shlex.split(line.replace("FILE", name))).within_limits(seconds=10)
    if line.startswith("check"):  # what it finds is its answer
        assert result.status == 1 and name in result.stdout, str(result)
    else:
        result.failed(name, status=status_of(line, missing=kind == "missing"))
    assert look(work, name) == before, str(result)
