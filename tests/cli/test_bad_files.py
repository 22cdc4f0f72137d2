# SPDX-License-Identifier: Apache-2.0
"""Every bad file for every command that reads one, every bad place for every command that writes one, and a wrong value for every
flag: an error that names it, no crash, no file left, in bounded time and space."""
import re
import shlex
from pathlib import Path

import pytest

from bad_files import KINDS, MALFORMED, files, lines_of, look, require_refusal, status_of
from command_tree import commands
from program import Program

HERE = Path(__file__).parent
READ = lines_of(HERE / "file-arguments.list")
READ_WITH_CA = lines_of(HERE.parent / "ca/file-arguments.list")  # by tests/ca/test_wrong_arguments.py
WRITTEN = lines_of(HERE / "output-arguments.list")
WRONG = lines_of(HERE / "wrong-values.list")
WRONG_WITH_CA = lines_of(HERE.parent / "ca/wrong-values.list")
ANY_TEXT = {"--reason", "--prefix", "--subject", "--san", "--redirect-url"}  # no text is wrong for these
ANY_TEXT |= {"--team", "--team-authority", "--contact", "--eab-kid"}  # only the server knows
OF_PROVISIONERS = {"--x5c-cert", "--x5c-key", "--x5c-chain", "--k8ssa-token-path"}  # tests/ca/test_provisioners.py
# Judged as by "ca certificate", but after files of the system were written, which then come back: tests/system/test_setup.py.
OF_SETUP = {"--provisioner", "--provisioner-password-file", "--password-file"}
ANY_ARGUMENT = {("ca certificate", "SUBJECT"), ("ca token", "SUBJECT"), ("certificate create", "SUBJECT")}
CONTEXTS = '{"one": {"profile": "one", "authority": "one"}}'


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("line", READ)
def test_bad_file(everleaf, work, line, kind):
    any_text, _, rest = line.partition("any ")
    if rest and kind in MALFORMED:
        pytest.skip("any text will do")
    files(work)
    require_refusal(everleaf, work, rest or line, kind)


@pytest.mark.parametrize("kind", ["directory.crt", "nowhere/FILE", "leaf.crt/FILE", "read-only/FILE", "fresh.crt"])
@pytest.mark.parametrize("line", WRITTEN)
def test_bad_place(everleaf, work, mounts, line, kind):
    files(work)
    (work / "read-only").mkdir()
    mounts.read_only(work / "read-only")
    before = look(work, "")
    name = kind.replace("FILE", "made")
    result = everleaf(*shlex.split(line.replace("FILE", name))).failed(kind.partition("/")[0], status=status_of(line))
    assert look(work, "") == before, str(result)


@pytest.mark.parametrize("line", WRONG)
def test_wrong_value(everleaf, work, line):
    files(work)
    (work / "step").mkdir()
    (work / "step/contexts.json").write_text(CONTEXTS)
    (work / "step/current-context.json").write_text('{"context": "one"}')
    before = look(work, "")
    *_, flag, value = words = shlex.split(line)
    result = everleaf(*words, STEPPATH="step").failed(status=status_of(line))
    assert flag in result.stderr or value in result.stderr, str(result)
    assert look(work, "") == before, str(result)


def options():
    """Of every command: its words, a flag and what it takes; or "" and the name of an argument."""
    for command, said in commands(Program("/")):
        shown = said.partition("\nExamples:")[0]
        for flag, value in re.findall(r"^  (?:-\w,)?(--[\w-]+)(?:,--[\w-]+)* ([A-Z|]+)", shown, re.M):
            yield command, flag, value
        for name in re.findall(r"^  ([A-Z0-9]+) TEXT", shown, re.M):
            yield command, "", name


def is_tried(command, flag, lines):
    return any(re.match(rf"(any |after )?{command} ", line) and (not flag or re.search(rf"{flag} \S+$|{flag} FILE", line)) for line in lines)


@pytest.mark.parametrize("command, flag, value", [pytest.param(*one, id=" ".join(one)) for one in options()])
def test_the_lists_are_complete(command, flag, value):
    read, written, wrong = READ + READ_WITH_CA, WRITTEN, WRONG + WRONG_WITH_CA
    if flag in ANY_TEXT | OF_PROVISIONERS or (command, value) in ANY_ARGUMENT or command == "setup nginx" and flag in OF_SETUP:
        return
    if flag and value == "FILE":
        assert is_tried(command, flag, read + written), f"no bad file for {command} {flag}"
    elif flag:
        assert is_tried(command, flag, wrong), f"no wrong value for {command} {flag}"
    else:
        assert any(re.match(rf"(any )?{command} (.* )?FILE", line) for line in read + written) or is_tried(command, "", wrong), \
            f"no bad value for the argument {value} of {command}"
