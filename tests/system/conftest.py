# SPDX-License-Identifier: Apache-2.0
import contextlib

import pytest

from host import Host


@contextlib.contextmanager
def running(host):
    try:
        yield host.start().install()
    finally:
        host.stop()


@pytest.fixture
def host(tmp_path, real_ca):
    """Everleaf is installed, nothing runs."""
    with running(Host(tmp_path / "box", real_ca)) as host:
        yield host


@pytest.fixture
def host_with_disk(tmp_path, real_ca, mounts):
    """One that can be booted again after cut_power()."""
    with running(Host(tmp_path / "box", real_ca).keep_disk(mounts)) as host:
        yield host
