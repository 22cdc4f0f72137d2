# SPDX-License-Identifier: Apache-2.0
"""docs/step-compatibility.md knows every flag that the real step has for a command of ours."""
import os
import re
import subprocess
from pathlib import Path

import pytest

STEP = os.environ.get("EVERLEAF_TEST_STEP")
PAGE = (Path(__file__).parents[2] / "docs" / "step-compatibility.md").read_text()
SECTIONS = dict(re.findall(r"^## `([a-z0-9 -]+)`\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S))
WITHOUT_FLAGS = {"version", "help"}


@pytest.mark.skipif(not STEP, reason="needs the real step")
@pytest.mark.parametrize("command", sorted(set(SECTIONS) - WITHOUT_FLAGS))
def test_every_flag_of_step_is_on_the_page(command, tmp_path):
    said = subprocess.run([STEP, *command.split(), "--help"], env={"HOME": str(tmp_path)}, capture_output=True, text=True, check=True)
    text = re.sub(r"\x1b\[[0-9;]*m", "", said.stdout)
    for line in re.findall(r"^ {6}(-[^\n]*)$", text.partition("\nOPTIONS\n")[2].partition("\nEXAMPLES\n")[0], re.M):
        first = re.findall(r"--[A-Za-z][\w-]*", line)[:1]
        assert not first or f"`{first[0]}`" in SECTIONS[command], (command, line)


@pytest.mark.skipif(not STEP, reason="needs the real step")
def test_the_version_is_in_steps_form_and_names_the_step_of_the_page(everleaf):
    theirs = subprocess.run([STEP, "version"], capture_output=True, text=True, check=True).stdout
    ours = everleaf("version").succeeded().stdout
    name, version = theirs.split("/")[0], theirs.split(" ")[1].split("/")[1]
    assert name == "Smallstep CLI" and f"(in place of {name}/{version})" in ours and f"`step` {version}" in PAGE
    assert re.fullmatch(r"[0-9]+(\.[0-9]+)+", ours.split(" ")[1].split("/")[1])  # as the Ansible collection maxhoesel.smallstep does


def listed(said):
    """The commands that a help of step's lists, without help itself."""
    return re.findall(r"^ {6}([a-z0-9-]+) {2,}", re.sub(r"\x1b\[[0-9;]*m", "", said).partition("\nCOMMANDS\n")[2].partition("\n\n")[0], re.M)


@pytest.mark.skipif(not STEP, reason="needs the real step")
@pytest.mark.parametrize("group", ["", "ca", "ca provisioner", "certificate", "context"])
def test_every_command_of_step_is_on_the_page(group, tmp_path):
    said = subprocess.run([STEP, *group.split()], env={"HOME": str(tmp_path)}, capture_output=True, text=True, check=True)
    assert len(listed(said.stdout)) > 3
    for name in listed(said.stdout):
        command = f"{group} {name}".strip()
        assert f"`{command}`" in PAGE or f"## `{command} " in PAGE, command
