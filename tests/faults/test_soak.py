# SPDX-License-Identifier: Apache-2.0
"""scripts/soak, for some minutes only. The seed is in its output: the same chance again with --seed."""
import os
import sys
from pathlib import Path

from program import run

MINUTES = float(os.environ.get("EVERLEAF_TEST_SOAK_MINUTES", 3))


def test_soak(tmp_path, note):
    soak = [sys.executable, "-B", Path(__file__).with_name("soak.py"), MINUTES]
    result = run(soak, tmp_path, dict(os.environ), limit=60 * MINUTES + 120)
    assert result.status == 0, f"{result.stdout}\n{result.stderr[-3000:]}"
    note(result.stdout)
