# SPDX-License-Identifier: Apache-2.0
import pytest

from program import BINARIES, Program


def pytest_report_header():
    return f"everleaf: {BINARIES}"


@pytest.fixture
def work(tmp_path):
    """Where the program runs and all its files are; its HOME is elsewhere."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.fixture
def everleaf(tmp_path, work):
    (tmp_path / "home").mkdir()
    return Program(work, HOME=str(tmp_path / "home"))
