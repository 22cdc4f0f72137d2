# SPDX-License-Identifier: Apache-2.0
"""A machine of its own under a real systemd, see systemd-box."""
import io
import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from program import wait_until

SCRIPT = Path(__file__).with_name("systemd-box")


class Box:
    def __init__(self, directory):
        self.directory = Path(directory)
        self.directory.mkdir(exist_ok=True)

    def keep_disk(self, mounts):
        """What is written survives the end of the box, for the next start()."""
        (self.directory / "disk").mkdir(exist_ok=True)
        mounts.mount("-t", "tmpfs", "none", self.directory / "disk")
        return self

    def start(self):
        result = self.script("start")
        if result.returncode == 77:
            pytest.skip(result.stderr.strip())
        assert result.returncode == 0, result.stderr
        return self

    def script(self, command, *arguments, stdin=b""):
        done = subprocess.run([SCRIPT, command, self.directory, *map(str, arguments)], input=stdin, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())

    def stop(self):
        self.script("stop")

    def cut_power(self):
        self.script("kill")

    def freeze(self):
        assert self.script("freeze").returncode == 0

    def thaw(self):
        assert self.script("thaw").returncode == 0

    def try_run(self, *command, stdin=b""):
        return self.script("run", *command, stdin=stdin)

    def run(self, *command, stdin=b""):
        result = self.try_run(*command, stdin=stdin)
        assert result.returncode == 0, f"{command}: {result.stdout}{result.stderr}"
        return result.stdout

    def shell(self, text):
        return self.run("sh", "-ec", text)

    def write(self, files, owner="root", mode=0o644):
        """Puts texts or bytes at absolute paths; programs (they begin with "#!" or ELF) are made executable."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            for path, contents in files.items():
                contents = contents.encode() if isinstance(contents, str) else contents
                entry = tarfile.TarInfo(str(path).lstrip("/"))
                entry.size, entry.uname = len(contents), owner
                entry.mode = 0o755 if contents[:2] == b"#!" or contents[:4] == b"\x7fELF" else mode
                tar.addfile(entry, io.BytesIO(contents))
        self.run("tar", "-x", "-C", "/", "--no-overwrite-dir", "--same-permissions", stdin=archive.getvalue())

    def read(self, path):
        return self.run("cat", path)

    # systemd

    def show(self, unit, name):
        return self.run("systemctl", "show", "-P", name, unit).strip()

    def journal(self, *matches):
        self.run("journalctl", "--sync")
        lines = self.run("journalctl", "-b", "-o", "json", "--no-pager", *matches).splitlines()
        return [json.loads(line) for line in lines]

    def log(self, unit):
        return self.run("journalctl", "-b", "-o", "cat", "--no-pager", "-u", unit)

    def wait(self, happened, what, unit="everleafd", seconds=20):
        try:
            return wait_until(happened, seconds, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log(unit)[-3000:]}") from None
