# SPDX-License-Identifier: Apache-2.0
"""Runs the cases of this directory: each *.txt is a script, then the files it starts with.

    # what the case is about
    env STEP_FORMAT=text
    exec everleaf certificate fingerprint ca.crt      must end with 0
    ! exec everleaf certificate fingerprint nothing   must not end with 0
    ? exec everleaf certificate needs-renewal ca.crt  may end with anything
    status 1                                          how the last one ended
    stdout ^[0-9a-f]{64}$                             a regular expression that must match (lines: ^ and $ match at each)
    ! stderr .                                        one that must not
    cmp stdout expected                               equal bytes: files, or what the last program wrote
    exists FILE      ! exists FILE
    mkdir DIRECTORY  stdin FILE                       (for the next exec)
    refused WORD ...                                  the last one ended with 1, one error line and at most one hint, nothing
                                                      on stdout, and says each word
    -- expected --
    contents of the file "expected"

Arguments are split like a shell's. The pairs and certificates of `sample_files` are there in every case; a program runs in
a directory of its own, with no terminal, no HOME that anybody used, and no CA.
"""
import re
import shlex

import pytest

from program import Program
from sample_files import sample_files


def pytest_collect_file(file_path, parent):
    return Script.from_parent(parent, path=file_path) if file_path.suffix == ".txt" else None


class Script(pytest.File):
    def collect(self):
        yield Case.from_parent(self, name=self.path.stem)


class Case(pytest.Item):
    def runtest(self):
        factory = self.session.config._tmp_path_factory
        self.work = factory.mktemp(self.name)
        self.program = Program(self.work, HOME=str(factory.mktemp("home")))
        self.last, self.input, self.line = None, None, 0
        sample_files(self.work)
        script, *files = re.split(r"^-- (.+) --\n", self.path.read_text(), flags=re.M)
        for name, text in zip(files[::2], files[1::2]):
            (self.work / name).parent.mkdir(parents=True, exist_ok=True)
            (self.work / name).write_text(text)
        for self.line, line in enumerate(script.splitlines(), 1):
            self.run_line(line.strip())

    def run_line(self, line):
        if not line or line.startswith("#"):
            return
        sign, rest = (line[0], line[1:].strip()) if line[0] in "!?" else ("", line)
        verb, _, rest = rest.partition(" ")
        check = getattr(self, f"do_{verb}", None)
        assert check, f"no such command: {verb}"
        check(sign, rest.strip())

    def do_env(self, sign, rest):
        name, _, value = rest.partition("=")
        self.program.environment[name] = value.replace("$WORK", str(self.work))

    def do_exec(self, sign, rest):
        program, *arguments = shlex.split(rest.replace("$WORK", str(self.work)))
        assert program == "everleaf", "only everleaf is run"
        self.last, self.input = self.program(*arguments, stdin=self.input), None
        if sign != "?":
            assert (self.last.status != 0) == (sign == "!"), str(self.last)

    def do_stdin(self, sign, rest):
        self.input = (self.work / rest).read_bytes()

    def do_mkdir(self, sign, rest):
        (self.work / rest).mkdir(parents=True)

    def do_status(self, sign, rest):
        assert self.last.status == int(rest), str(self.last)

    def do_stdout(self, sign, rest):
        self.match(sign, rest, self.last.stdout)

    def do_stderr(self, sign, rest):
        self.match(sign, rest, self.last.stderr)

    def match(self, sign, pattern, text):
        found = re.search(pattern.replace("$WORK", re.escape(str(self.work))), text, re.M)
        assert bool(found) == (sign != "!"), f"{sign}{pattern!r}: {self.last}"

    def do_refused(self, sign, rest):
        self.last.failed(*shlex.split(rest))
        assert self.last.stdout == "", str(self.last)

    def do_cmp(self, sign, rest):
        one, other = (self.bytes_of(name) for name in shlex.split(rest))
        assert (one == other) == (sign != "!"), f"{one!r}\n{other!r}"

    def bytes_of(self, name):
        return getattr(self.last, name).encode() if name in ("stdout", "stderr") else (self.work / name).read_bytes()

    def do_exists(self, sign, rest):
        assert (self.work / rest).exists() == (sign != "!"), rest

    def repr_failure(self, failure):
        if failure.errisinstance(AssertionError):
            return f"{self.path}:{self.line}: {failure.value}"
        return super().repr_failure(failure)

    def reportinfo(self):
        return self.path, 0, self.name
