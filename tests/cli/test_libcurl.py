# SPDX-License-Identifier: Apache-2.0
"""libcurl is loaded by who asks something over HTTP (docs/decisions/0011-libcurl-when-needed.md)."""
from program import REPOSITORY, Program

CERTIFICATE = REPOSITORY / "tests/data/x509/constrained.crt"


def test_without_libcurl(tmp_path):
    (tmp_path / "libcurl.so.4").touch()
    (tmp_path / "libsystemd.so.0").touch()  # nor this one, which only everleafd needs
    everleaf = Program(tmp_path, LD_LIBRARY_PATH=str(tmp_path))
    everleaf("version").succeeded()
    everleaf("certificate", "inspect", CERTIFICATE).succeeded()
    failed = everleaf("ca", "health", "--ca-url", "https://127.0.0.1:1", "--root", CERTIFICATE)
    assert failed.status == 1 and "error: cannot load libcurl: " in failed.stderr and "hint: install it" in failed.stderr
