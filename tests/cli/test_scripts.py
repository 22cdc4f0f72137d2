# SPDX-License-Identifier: Apache-2.0
"""Scripts say how they are used."""
import subprocess

import pytest

from program import REPOSITORY


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("script", ["build", "check", "test"])
def test_help_is_the_usage(script, flag):
    ended = subprocess.run([REPOSITORY / "scripts" / script, flag], capture_output=True, text=True)
    assert ended.returncode == 0 and ended.stdout.startswith(f"Usage: scripts/{script} [") and ended.stderr == "", ended


def test_an_unknown_flag_is_no_preset():
    ended = subprocess.run([REPOSITORY / "scripts/build", "--zzz"], capture_output=True, text=True)
    assert ended.returncode == 2 and ended.stderr.startswith("Usage: scripts/build ["), ended
