# SPDX-License-Identifier: Apache-2.0
"""docs/threat-model.md names for each claim a test: they are there."""
import re

from program import REPOSITORY

PAGE = (REPOSITORY / "docs" / "threat-model.md").read_text()


def test_each_test_that_the_page_names_is_there():
    sources = "".join(path.read_text() for kind in ("py", "cpp") for path in (REPOSITORY / "tests").rglob(f"*.{kind}"))
    named = [f"def {name}(" for name in re.findall(r"`(test_\w+)`", PAGE)] + [
        f'TEST_CASE("{name}")' for row in re.findall(r"^\|.*\|$", PAGE, re.M) for name in re.findall(r'"([a-z][^"]{20,})"', row)]
    assert len(named) >= 20
    assert [name for name in named if name not in sources] == []
