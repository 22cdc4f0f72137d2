# SPDX-License-Identifier: Apache-2.0
import pytest

from daemon import Daemon, Hook
from lying_ca import LyingCa


@pytest.fixture
def lying_ca(tmp_path):
    with LyingCa(tmp_path / "lying-ca") as ca:
        yield ca


@pytest.fixture
def client(real_ca, everleaf, work):
    """Makes a pair of `subject` in the working directory and returns its two paths."""
    def make(*flags, subject="client.test", provisioner="admin", name="client"):
        paths = [work / f"{name}.crt", work / f"{name}.key"]
        everleaf("ca", "certificate", subject, *paths, *real_ca.trust(), *real_ca.credential(provisioner), *flags,
                 "--force").succeeded()
        return paths
    return make


@pytest.fixture
def daemon(tmp_path):
    """daemon(ca, *configuration blocks) makes one; at the end none is left."""
    made = []

    def make(ca, *blocks, name="daemon", **options):
        made.append(Daemon(tmp_path / name, ca, *blocks, **options))
        return made[-1]

    yield make
    for one in made:
        one.kill()


@pytest.fixture
def hook(tmp_path):
    return Hook(tmp_path)
