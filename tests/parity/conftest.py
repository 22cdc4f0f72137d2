# SPDX-License-Identifier: Apache-2.0
"""Runs the cases of this directory with the real step and with everleaf, and compares what came of it.

A file is named for its command. A line that is not indented is a case: the arguments. Indented lines below it are its
circumstances, in this order of time:

    certificate fingerprint -
        env STEP_BUNDLE=1              a variable
        stdin client.crt               what it reads
        first ca bootstrap ...         run before it, by the same program; must succeed
        by-step ca bootstrap ...       run before it, by the real step: what one made, the other uses
        by-everleaf ca bootstrap ...   the same the other way round
        set NAME ca token ...          run before it, by the same program; from now on $NAME is what it printed
        set-by-step NAME ca token ...  the same by the real step; and set-by-everleaf
        serial NAME FILE               $NAME is the serial number of the certificate in FILE
        write FILE TEXT                a file that is there
        differs stderr WHY             not the same on purpose; must really differ (if the status does, all else may)
        fewer WHY                      everleaf's JSON has not all members of step's; those that it has are equal
        keeps-files WHY                files that it made stay although it fails

Compared are status, stdout and stderr (if step did not fail), and files: every one that was made or changed with its mode. Compared is
what they mean (meaning.py): JSON, PEM, tokens and PKCS #12 are parsed, and what must differ (serial numbers, times, keys) is
described. Whatever step does, everleaf leaves no new file behind when it fails, and says why in one line.

A case starts with a copy of data/ and an empty HOME. $CA, $HOSTPORT, $FINGERPRINT, $ROOT stand for a real step-ca, its
host and port, its root's fingerprint and file; $PASSWORD for the file with the password of its provisioner "admin"; $WORK for the
directory. Its other provisioners: "hosts" (X5C) trusts $HOST.crt and $HOST.key, "pods" (K8sSA) the token in $POD, "acme" looks at port
$HTTP (and a case that says so is skipped where the CA cannot), "templated" with the password in $TEMPLATED writes into subjects what
--set org=... of a request and --set team=... of a token say. $CONFIG is the CA's configuration without its database.

Without a real step (EVERLEAF_TEST_STEP) the cases are compared with recorded.json: what it said when somebody last ran them with
EVERLEAF_TEST_RECORD=1. With it, the recording is checked as well.
"""
import json
import os
import re
import shlex
import shutil
import ssl
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from certificates import DAY, hierarchy, issue, load
from meaning import Meaning
from program import BINARIES, contents, environment, run
from acme import AcmeProvisioner
from provisioners import K8sSaProvisioner, TemplatedProvisioner, X5cProvisioner
from step_ca import RealCa, free_port, program, usual_provisioners

HERE = Path(__file__).parent
STEP = os.environ.get("EVERLEAF_TEST_STEP")
RECORD = os.environ.get("EVERLEAF_TEST_RECORD") == "1"
RECORDED = HERE / "recorded.json"
ASPECTS = ("status", "stdout", "stderr", "files")
RUNS = ("first", "by-step", "by-everleaf", "set", "set-by-step", "set-by-everleaf")
NOTES = ("differs", "fewer", "keeps-files")
ANSWERS = {"certificate needs-renewal": {1}}  # statuses that are an answer, not an error


def pytest_collect_file(file_path, parent):
    return Cases.from_parent(parent, path=file_path) if file_path.suffix == ".txt" else None


class Cases(pytest.File):
    def collect(self):
        recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
        lines, seen = [], Counter()
        for line in [*self.path.read_text().splitlines(), "end"]:
            if not line.strip() or line.strip().startswith("#"):
                continue
            if not line.startswith(" ") and lines:
                name = lines[0] + "".join(f" | {line}" for line in lines[1:] if line.split()[0] not in NOTES)
                seen[name] += 1
                assert seen[name] == 1, f"{self.path.name} has the case twice: {name}"
                yield Case.from_parent(self, name=name, lines=lines, recorded=recorded.get(name))
                lines = []
            lines.append(line.strip())


class World:
    """One of the two programs, with a directory and a HOME of its own."""

    def __init__(self, program, base, variables):
        self.program = program
        self.work, home = base / "work", base / "home"
        home.mkdir(parents=True)
        shutil.copytree(HERE / "data", self.work)
        for file in self.work.iterdir():
            file.chmod(0o600)
        self.variables = {**variables, "WORK": str(self.work)}
        self.environment = environment(home)
        self.base = base

    def expand(self, text):
        return re.sub(r"\$([A-Z]+)", lambda found: str(self.variables[found[1]]), text)

    def run(self, line, stdin=None, program=None):
        arguments = shlex.split(self.expand(line))
        data = (self.work / stdin).read_bytes() if stdin else None
        return run([program or self.program, *arguments], self.work, self.environment, data)


class Case(pytest.Item):
    def __init__(self, lines, recorded, **more):
        super().__init__(**more)
        self.command, self.recorded = self.path.stem.replace("_", " "), recorded
        self.arguments, *rest = lines
        self.circumstances = [line.partition(" ")[::2] for line in rest]
        self.differs = {about.partition(" ")[0] for verb, about in self.circumstances if verb == "differs"}
        assert self.differs <= set(ASPECTS), self.differs
        self.notes = {verb for verb, _ in self.circumstances}
        self.user_properties.append(("parity", self.command))

    def runtest(self):
        crossed = any("by-" in verb for verb, _ in self.circumstances)
        if not STEP and (crossed or self.recorded is None):
            pytest.skip(f"needs the real step: {self.arguments}")
        ours = self.outcome_of(BINARIES / "everleaf", "everleaf")
        if STEP:
            theirs = self.outcome_of(STEP, "step")
            if not self.is_answer(theirs["status"]):  # its words of errors are not compared
                theirs["stdout"] = theirs["stderr"] = None
            if RECORD and not crossed:
                self.user_properties.append(("recorded", json.dumps([self.name, theirs], sort_keys=True)))
            elif not crossed:
                assert self.recorded == theirs, f"what is recorded is not what step does: record again\n{theirs}"
        else:
            theirs = self.recorded
        for aspect in ASPECTS:
            if aspect != "status" and "status" in self.differs:
                continue
            if aspect in ("stdout", "stderr") and not self.is_answer(theirs["status"]):
                continue
            same = ours[aspect] == theirs[aspect]
            if "fewer" in self.notes and aspect == "stdout":
                assert not same, "it has all members"
                same = is_part(ours[aspect]["json"], theirs[aspect]["json"])
            assert same or aspect in self.differs, f"{aspect}\nstep:     {theirs[aspect]}\neverleaf: {ours[aspect]}\n{self.last}"
            assert not same or aspect not in self.differs, f"{aspect} is not different: {ours[aspect]}"

    def outcome_of(self, program, name):
        factory = self.session.config._tmp_path_factory
        variables = self.variables()
        world = World(program, factory.mktemp(name), variables)
        stdin = self.prepare(world)
        before = contents(world.base)
        self.last = result = world.run(self.arguments, stdin)
        made = {path: entry for path, entry in contents(world.base).items() if before.get(path) != entry}
        assert "Traceback" not in result.stderr and result.status >= 0, str(result)
        if name == "everleaf":
            self.require_manners(result, made)
        return Meaning(world.base, world.variables).of(result, made)

    def variables(self):
        if not re.search(r"\$(CA|HOSTPORT|FINGERPRINT|ROOT|PASSWORD)\b", self.path.read_text()):
            return {}
        ca = shared_ca(self.session)
        if not ca.http_port and any("$HTTP" in word for word in [self.arguments, *map(" ".join, self.circumstances)]):
            pytest.skip("this step-ca looks at port 80 only")
        return {"CA": ca.url, "HOSTPORT": ca.url.removeprefix("https://"), "FINGERPRINT": ca.fingerprint, "ROOT": ca.root_file, "PASSWORD": ca.password_file(), "TEMPLATED": ca.password_file("templated"), "CONFIG": ca.offline_configuration,
                "HOST": ca.host, "POD": ca.pod, "HTTP": ca.http_port,
                **ca.parity_fingerprints}

    def prepare(self, world):
        stdin = None
        for verb, rest in self.circumstances:
            if verb == "env":
                name, _, value = rest.partition("=")
                world.environment[name] = world.expand(value)
            elif verb == "stdin":
                stdin = rest
            elif verb == "write":
                name, _, text = rest.partition(" ")
                file = world.work / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(world.expand(text) + "\n")
            elif verb in RUNS:
                program = {"step": STEP, "everleaf": BINARIES / "everleaf"}.get(verb.rpartition("by-")[2], world.program)
                name, _, arguments = rest.partition(" ") if verb.startswith("set") else ("", "", rest)
                result = world.run(arguments, program=program).succeeded()
                if name:
                    world.variables[name] = result.stdout.strip()
            elif verb == "serial":
                name, _, file = rest.partition(" ")
                world.variables[name] = str(load(world.work / file).serial_number)
            else:
                assert verb in NOTES, f"no such circumstance: {verb}"
        return stdin

    def is_answer(self, status):
        return status == 0 or status in ANSWERS.get(self.command, ())

    def require_manners(self, result, made):
        if self.is_answer(result.status):
            return
        assert "keeps-files" in self.notes or result.failed(status=result.status)
        assert not made or "keeps-files" in self.notes, f"files left behind: {sorted(made)}\n{result}"

    def repr_failure(self, failure):
        if failure.errisinstance(AssertionError):
            return f"{self.path.name}: {self.name}\n{failure.value}"
        return super().repr_failure(failure)

    def reportinfo(self):
        return self.path, 0, self.name


def is_part(one, whole):
    """Whether `one` has only members that `whole` has, with equal values."""
    if isinstance(one, dict) and isinstance(whole, dict):
        return all(name in whole and is_part(value, whole[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(whole, list):
        return len(one) == len(whole) and all(map(is_part, one, whole))
    return one == whole


def shared_ca(session):
    """One for all cases of a worker."""
    config = session.config
    if not hasattr(config, "parity_ca"):
        config.parity_ca = make_ca(config._tmp_path_factory.mktemp("ca"))
        config.add_cleanup(config.parity_ca.stop)
        config.parity_ca.parity_fingerprints = fingerprints(config.parity_ca)
    return config.parity_ca


def make_ca(directory):
    hosts, pods = hierarchy("Hosts"), K8sSaProvisioner()
    old = "/0.19" in subprocess.run([program(), "version"], capture_output=True, text=True).stdout
    port = None if old else free_port()
    ca = RealCa(directory, [*usual_provisioners(), X5cProvisioner("hosts", hosts), pods, AcmeProvisioner(), TemplatedProvisioner()],
                ["--acme-http-port", str(port), "--insecure"] if port else [])
    ca.http_port, ca.host, ca.pod = port, directory / "host", directory / "pod"
    issue(hosts.intermediate, "host.test", lifetime=2 * DAY).save(f"{ca.host}.crt", f"{ca.host}.key")
    ca.pod.write_text(pods.token())
    ca.offline_configuration = directory / "offline.json"
    ca.offline_configuration.write_text(json.dumps({**ca.configuration(), "db": None}))  # which step would open, though it is in use
    return ca


def fingerprints(ca):
    """Of what the CA's server shows: new with each CA, so that its name is recorded and not itself."""
    shown = x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", ca.port)).encode())
    return {"SERVER": shown.fingerprint(hashes.SHA256()).hex(), "INTERMEDIATE": ca.intermediate.fingerprint,
            "KID": ca.provisioners["admin"].kid, "TEMPLATEDKID": ca.provisioners["templated"].kid}


def pytest_terminal_summary(terminalreporter):
    good, total, recorded = Counter(), Counter(), {}
    for outcome in ("passed", "failed", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            properties = dict(report.user_properties)
            if "parity" in properties and (report.when == "call" or outcome == "skipped"):
                total[properties["parity"]] += 1
                good[properties["parity"]] += outcome == "passed"
            if "recorded" in properties:
                name, outcome_of_step = json.loads(properties["recorded"])
                recorded[name] = outcome_of_step
    terminalreporter.section("parity with " + ("the real step" if STEP else "what was recorded of step"))
    for command in sorted(total):
        terminalreporter.write_line(f"{good[command]:4} of {total[command]:3}  {command}")
    if RECORD:
        lines = [f"{json.dumps(name)}: {json.dumps(recorded[name], sort_keys=True)}" for name in sorted(recorded)]
        RECORDED.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        terminalreporter.write_line(f"{len(recorded)} outcomes of step recorded in {RECORDED}")
