# SPDX-License-Identifier: Apache-2.0
"""Directories that cannot be written, also for root. As an ordinary user, only read_only() works."""
import os
import subprocess
from pathlib import Path

import pytest


class Mounts:
    def __init__(self):
        self.undo = []

    def read_only(self, directory):
        if os.geteuid() != 0:
            mode = Path(directory).stat().st_mode
            os.chmod(directory, 0o555)
            self.undo.append(lambda: os.chmod(directory, mode))
            return
        self.mount("--bind", directory, directory)
        subprocess.run(["mount", "-o", "remount,bind,ro", directory], check=True)

    def small(self, directory):
        """A file system of 256 KiB on `directory`; fill() it when the test's own files are there."""
        if os.geteuid() != 0:
            pytest.skip("only root can mount a file system")
        self.mount("-t", "tmpfs", "-o", "size=256k", "none", directory)

    def fill(self, directory):
        with open(Path(directory) / "filler", "wb", buffering=0) as filler:
            try:
                while True:
                    filler.write(b"\0" * 4096)
            except OSError:
                pass

    def mount(self, *arguments):
        subprocess.run(["mount", *arguments], check=True)
        self.undo.append(lambda: subprocess.run(["umount", "-l", arguments[-1]], check=True))

    def release(self):
        while self.undo:
            self.undo.pop()()
