# SPDX-License-Identifier: Apache-2.0
"""The rest of tests/cli/test_bad_files.py: what is looked at only when a CA has answered."""
import shlex
from pathlib import Path

import pytest

from bad_files import KINDS, MALFORMED, bad_file, files, lines_of, look, require_refusal, status_of
from certificates import load

HERE = Path(__file__).parent


@pytest.fixture
def fill_in(real_ca, work):
    """Makes the files, and returns a function that puts the CA into a line."""
    files(work)
    real_ca.leaf("mine").save(work / "mine.crt", work / "mine.key")
    values = {"$CA": shlex.join(map(str, real_ca.trust())), "$PASSWORD": str(real_ca.password_file()),
              "$SERVER": f"{real_ca.url} --roots {real_ca.root_file}"}

    def fill_in(line):
        for name, value in values.items():
            line = line.replace(name, value)
        return line
    return fill_in


def require_renewal_all_the_same(everleaf, work, line, word):
    before = load(work / "mine.crt").serial_number
    everleaf(*shlex.split(line)).within_limits(seconds=10).failed(word)
    assert load(work / "mine.crt").serial_number != before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("line", lines_of(HERE / "file-arguments.list"))
def test_bad_file(everleaf, work, fill_in, line, kind):
    first, _, rest = line.partition(" ")
    if first == "any" and kind in MALFORMED:
        pytest.skip("any text will do")
    if first == "after":
        name = bad_file(work, kind)
        require_renewal_all_the_same(everleaf, work, fill_in(rest).replace("FILE", name), name)
    else:
        require_refusal(everleaf, work, fill_in(rest if first == "any" else line), kind)


@pytest.mark.parametrize("line", lines_of(HERE / "wrong-values.list"))
def test_wrong_value(everleaf, work, fill_in, line):
    first, _, rest = line.partition(" ")
    if first == "after":
        require_renewal_all_the_same(everleaf, work, fill_in(rest), "zzz")
        return
    before = look(work, "")
    everleaf(*shlex.split(fill_in(line))).failed("zzz", status=status_of(line))
    assert look(work, "") == before
