# SPDX-License-Identifier: Apache-2.0
"""docs/step-compatibility.md says of every command and flag what is there."""
import re
from pathlib import Path

import pytest

from command_tree import commands, flags

PAGE = (Path(__file__).parents[2] / "docs" / "step-compatibility.md").read_text()
KINDS = {"same", "better", "different", "not supported"}
OUR_OWN = {"--help"}


def tables():
    """Command -> flag -> what the page says of it."""
    found = {}
    for title, body in re.findall(r"^## `([a-z0-9 -]+)`\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S):
        rows = re.findall(r"^\| ((?:`--[\w-]+` ?)+)\| ([a-z ]+) \|", body, re.M)
        found[title] = {flag: kind for cell, kind in rows for flag in re.findall(r"--[\w-]+", cell)}
    return found


def refused_commands():
    return re.findall(r"`([a-z0-9 -]+)`", PAGE.partition('answered "not supported yet"')[2].partition("\n## ")[0])


def own_commands():
    return re.findall(r"^`[^:]+:", PAGE.partition("## Commands that `step` does not have")[2], re.M)[0].replace("`", "").rstrip(":").split(", ")


def test_the_page_names_every_command_and_flag_and_no_other(everleaf):
    said = tables()
    assert {kind for rows in said.values() for kind in rows.values()} <= KINDS
    there = {command: text for command, text in commands(everleaf) if command not in own_commands()}
    assert set(there) == set(said), set(there) ^ set(said)
    unlisted = {"--issuer", "--output-file", "--no-mtls"} | {"--json", "--quiet"}  # other names; what every command has
    for command, help_text in there.items():
        there_are = flags(help_text) - OUR_OWN
        listed = {flag for flag, kind in said[command].items() if kind != "not supported"}
        assert there_are - listed <= unlisted and listed <= there_are, (command, there_are ^ listed)


def test_the_page_names_every_variable_and_no_other(everleaf):
    there_are = {name for _, said in commands(everleaf) for name in re.findall(r"\(Env:(STEP_\w+)\)", said)}
    assert set(re.findall(r"`(STEP_\w+)`", PAGE.partition("## Variables")[2].partition("\n## ")[0])) == there_are


@pytest.mark.parametrize("command", tables())
def test_what_is_not_supported_is_answered_by_its_name(everleaf, command):
    for flag, kind in tables()[command].items():
        if kind == "not supported":
            result = everleaf(*command.split(), f"{flag}=true")
            result.failed(flag)
            assert "not supported yet" in result.stderr, str(result)


@pytest.mark.parametrize("command", refused_commands())
def test_commands_that_are_not_supported_are_answered_by_their_names(everleaf, command):
    for words in [], ["x", "--y"], ["--help"], ["x", "-h"]:
        everleaf(*command.split(), *words).failed(f'"{command}" is not supported yet', "hint: ")
    everleaf("help", *command.split()).failed(f'"{command}" is not supported yet')
