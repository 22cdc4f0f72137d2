# SPDX-License-Identifier: Apache-2.0
import pytest

from daemon import Daemon, Hook
from jose import Provisioner
from lying_ca import LyingCa
from step_ca import RealCa


def pytest_collection_modifyitems(items):
    """What depends on the version of step-ca: `-m real_ca` runs only these."""
    for item in items:
        if {"real_ca", "only_provisioner_ca"} & set(getattr(item, "fixturenames", ())):
            item.add_marker("real_ca")


@pytest.fixture
def only_provisioner_ca(tmp_path):
    ca = RealCa(tmp_path / "ca", [Provisioner("only")])
    yield ca
    ca.stop()


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
