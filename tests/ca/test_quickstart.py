# SPDX-License-Identifier: Apache-2.0
"""What scripts/quickstart --keep leaves: all of it goes on, and ends when it is told to."""
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from certificates import load
from program import REPOSITORY, SANITIZED, wait_until


def is_alive(process):
    status = Path(f"/proc/{process}/stat")
    return status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] != "Z"


@pytest.mark.skipif(SANITIZED, reason="one run of it is enough")
def test_what_is_kept_goes_on():
    done = subprocess.run([sys.executable, "-B", REPOSITORY / "scripts/demo/main_job.py", "--keep"], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=180)
    numbers, directory = re.search(r"kill ([\d ]+); rm -r (\S+)", done.stdout).groups()
    processes = list(map(int, numbers.split()))
    try:
        assert done.returncode == 0 and len(processes) == 4 and all(map(is_alive, processes)), done.stdout
        live = Path(directory) / "everleaf" / "live" / "upstream" / "tls.crt"
        before = load(live).serial_number
        wait_until(lambda: load(live).serial_number != before, 30, "a renewal after its end")
    finally:
        for process in processes:
            os.kill(process, signal.SIGTERM)
        wait_until(lambda: not any(map(is_alive, processes)), what="all have ended")
        shutil.rmtree(directory)
