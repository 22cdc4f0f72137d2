# SPDX-License-Identifier: Apache-2.0
"""What readers see while a live directory is swapped: nothing empty or cut, and who reads a directory or one file nothing
mixed. Who opens two files by their paths may get one of each generation; how often is counted."""
import os

from program import BINARIES, environment, run

SWAPS = int(os.environ.get("EVERLEAF_TEST_SWAPS", 10_000))


def test_readers(tmp_path, note):
    result = run([BINARIES / "tests" / "readers", SWAPS], tmp_path, environment(tmp_path), limit=600).succeeded()
    note(result.stdout)
