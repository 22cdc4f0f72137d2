# SPDX-License-Identifier: Apache-2.0
"""docs/configuration.md names every key that everleafd knows, and no other: an unknown key is answered with the known ones."""
import re
import tomllib

import pytest

from program import REPOSITORY, Program

PAGE = (REPOSITORY / "docs" / "configuration.md").read_text()
SECTIONS = dict(re.findall(r"^## `(\[\S+\])`\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))


def rows(section):
    """(key, example) of each row; the example is an inline table of that key, or empty."""
    key = None
    for first, rest in re.findall(r"^\| `(.+?)` \|(.*)\|$", SECTIONS[section], re.M):
        tables = re.findall(r"`(\{ .*? \})`", f"`{first}`{rest}")
        if named := re.match("[a-z-]+", first):
            key = named[0]
        yield key, tomllib.loads(f"example = {tables[0]}")["example"] if tables else {}


def keys(table):
    for key, value in table.items():
        yield key
        if isinstance(value, dict):
            yield from keys(value)


def with_an_unknown_key(value):
    """As TOML, with one more key in each table."""
    if not isinstance(value, dict):
        return repr(value)
    items = [f"{key} = {with_an_unknown_key(inner)}" for key, inner in value.items()]
    return "{ " + ", ".join([*items, "unknown-to-all = 1"]) + " }"


@pytest.fixture
def known_keys(work):
    def ask(text):
        file = work / "everleaf.toml"
        file.write_text(text)
        said = Program(work, "everleafd")("--config", file, "--check").stderr
        return {key for known in re.findall(r"hint: known here: (.*)", said) for key in known.split(", ")}

    return ask


@pytest.mark.parametrize("section", SECTIONS)
def test_each_key_is_on_the_page(known_keys, section):
    documented, known = set(), known_keys(f"{section}\nunknown-to-all = 1\n")
    for key, example in rows(section):
        documented |= {key, *keys(example)}
        if example:
            known |= known_keys(f"{section}\n{key} = {with_an_unknown_key(example)}\n")
    assert documented == known


def test_each_table_is_on_the_page(known_keys):
    assert {re.match(r"\[([a-z]+)", section)[1] for section in SECTIONS} == known_keys("unknown-to-all = 1\n")


def test_the_example_in_the_package_is_good(work):
    said = Program(work, "everleafd")("--config", REPOSITORY / "packaging" / "examples" / "everleaf.toml", "--check")
    said.succeeded()
