# SPDX-License-Identifier: Apache-2.0
"""The tests of what is installed: by `cmake --install`, and by the package that scripts/package has just made."""
import os
import subprocess

import pytest

from program import REPOSITORY

BUILD = REPOSITORY / "build"


@pytest.fixture(scope="session")
def package():
    [file] = (BUILD / "package").glob("everleaf_*.deb")
    return file


@pytest.fixture(scope="session")
def prefix(tmp_path_factory):
    """The /usr of what `cmake --install` installs: elsewhere than it was built for."""
    directory = tmp_path_factory.mktemp("installed")
    subprocess.run(["cmake", "--install", BUILD / "release"], check=True, stdout=subprocess.DEVNULL,
                   env={**os.environ, "DESTDIR": str(directory)})
    return directory / "usr"
