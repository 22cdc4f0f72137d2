# SPDX-License-Identifier: Apache-2.0
import os
import shutil
import signal

import pytest

from mounts import Mounts
from program import BINARIES, Program
from step_ca import RealCa


# What whoever started us ignores (nohup, a shell for its background jobs) all that we start would ignore as well.
for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, lambda *_: None)


def pytest_report_header():
    ca = os.environ.get("EVERLEAF_TEST_STEP_CA") or shutil.which("step-ca") or "none"
    return [f"everleaf: {BINARIES}", f"step-ca: {ca}"]


@pytest.fixture(scope="session")
def real_ca(tmp_path_factory):
    """One step-ca for all tests of a worker; who stops it or changes its configuration makes an own one."""
    ca = RealCa(tmp_path_factory.mktemp("ca"))
    yield ca
    ca.stop()


@pytest.fixture
def work(tmp_path):
    """Where the program runs and all its files are; its HOME is elsewhere."""
    (tmp_path / "work").mkdir()
    return tmp_path / "work"


@pytest.fixture
def everleaf(tmp_path, work):
    (tmp_path / "home").mkdir()
    return Program(work, HOME=str(tmp_path / "home"))


@pytest.fixture
def mounts():
    mounts = Mounts()
    yield mounts
    mounts.release()
