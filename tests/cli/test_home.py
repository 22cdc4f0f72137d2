# SPDX-License-Identifier: Apache-2.0
"""Who has no HOME, as services, is known to the system."""
import os
import pwd

import pytest


@pytest.mark.parametrize("home", [None, ""])
def test_without_home_it_is_the_users(everleaf, home):
    everleaf.environment.pop("HOME")
    if home is not None:
        everleaf.environment["HOME"] = home
    assert everleaf("path").succeeded().stdout == f"{pwd.getpwuid(os.getuid()).pw_dir}/.step\n"
