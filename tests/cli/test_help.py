# SPDX-License-Identifier: Apache-2.0
"""help and --help of every command are the same text, and one that cannot be written is an error."""
import json
import os
import signal
import subprocess

import pytest

from command_tree import commands
from program import BINARIES, Program, environment

GROUPS = ["ca", "certificate", "context", "setup"]
NAMES = [command for command, _ in commands(Program("/"))]


@pytest.mark.parametrize("command", ["", "ca", "context", "ca provisioner", *NAMES])
def test_help_shows_what_the_flag_shows(everleaf, command):
    words = command.split()
    shown = everleaf(*words, "--help").succeeded().stdout
    assert everleaf("help", *words).succeeded().stdout == shown
    if words and words[0] in GROUPS:
        assert everleaf(words[0], "help", *words[1:]).succeeded().stdout == shown


def test_help_inside_a_group_of_a_group(everleaf):
    assert everleaf("ca", "provisioner", "help", "list").succeeded().stdout == everleaf("help", "ca", "provisioner", "list").stdout


@pytest.mark.parametrize("before", [[], ["ca"], ["ca", "help"]])
def test_help_of_what_is_no_command(everleaf, before):
    everleaf(*before, "bogus").failed("bogus")


def test_a_flag_of_the_program_needs_its_value(everleaf):
    everleaf("--config").failed("--config")


@pytest.mark.parametrize("words", ["--json version", "--json ca --help", "--json ca", "ca --json", "ca --json help renew"])
def test_json_may_stand_anywhere(everleaf, words):
    assert json.loads(everleaf(*words.split()).succeeded().stdout)


def test_an_error_before_the_command_is_json_as_well(everleaf):
    result = everleaf("--json", "ssh").failed("not supported yet")
    assert "not supported yet" in json.loads(result.stdout)["error"]


def test_a_reader_that_goes_away_is_no_error(tmp_path):
    """`everleaf --help | head`: as step, and most other programs, by SIGPIPE."""
    reader, writer = os.pipe()
    os.close(reader)
    ended = subprocess.run([BINARIES / "everleaf", "--help"], stdout=writer, stderr=subprocess.PIPE, env=environment(tmp_path))
    os.close(writer)
    assert ended.returncode == -signal.SIGPIPE and ended.stderr == b""


@pytest.mark.parametrize("words", ["--help", "ca renew --help", "ca", "help ca", "--version", "version", "ca --json"])
def test_what_cannot_be_written_is_an_error(tmp_path, words):
    with open("/dev/full", "w") as full:
        ended = subprocess.run([BINARIES / "everleaf", *words.split()], stdout=full, stderr=subprocess.PIPE, text=True, env=environment(tmp_path))
    assert ended.returncode == 1 and ended.stderr == "everleaf: error: cannot write to standard output\n", ended
