# SPDX-License-Identifier: Apache-2.0
"""--help of every command: one sentence, the usage, the options in groups, and at least two examples, each of which works: as it
stands, with --json (then it answers one object) and with --quiet (then it says nothing else)."""
import json
import os
import re
import subprocess

import pytest

from certificates import hierarchy, issue
from command_tree import commands, flags
from program import BINARIES, Program, die_with_parent, environment
from provisioners import K8sSaProvisioner, X5cCredential, X5cProvisioner
from step_ca import RealCa, usual_provisioners

TREE = dict(commands(Program("/")))


def examples_of(said):
    text = said.partition("\nExamples:\n")[2].partition("\n\n")[0].replace("\\\n", " ")
    return [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]


EXAMPLES = [(command, example) for command, said in TREE.items() for example in examples_of(said)
            if "--team " not in example and "--provisioner acme" not in example]  # tests/ca has servers of a team and of ACME

# What they need besides files: the directories of the system, which each of them gets as a copy of its own.
OF_THE_SYSTEM = {"certificate install", "certificate uninstall", "setup nginx", "status", "plan", "check", "renew"}
OF_THE_DAEMON = {"status", "plan", "check", "renew"}
OVERLAYS = """
set -e
mount --make-rprivate /
mkdir layers && mount -t tmpfs none layers
for directory in /etc /var/lib /run /usr/local/share; do
  mkdir -p layers/upper$directory layers/work$directory
  mount -t overlay overlay -o lowerdir=$directory,upperdir=layers/upper$directory,workdir=layers/work$directory $directory
done
mkdir -p /etc/nginx/conf.d /etc/nginx/snippets /etc/polkit-1/rules.d /run/everleaf
rm -rf /etc/everleaf /var/lib/everleaf && mkdir -m 755 /etc/everleaf && mkdir -p /var/lib/everleaf/live
"""
DAEMON = """
cp everleaf.toml /etc/everleaf/ && chmod 600 /etc/everleaf/everleaf.toml
everleafd >everleafd.log 2>&1 & daemon=$!
trap 'kill $daemon' EXIT
until everleaf status >/dev/null 2>&1; do kill -0 $daemon; done
"""


class ListingCa(RealCa):
    def configuration(self):
        return {**super().configuration(), "crl": {"enabled": True, "generateOnRevoke": True}}


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    host = X5cCredential(tmp_path_factory.mktemp("host"))
    ca = ListingCa(tmp_path_factory.mktemp("ca"),
                   [*usual_provisioners(), X5cProvisioner("hosts", host.authorities), K8sSaProvisioner("pods")])
    ca.host = host
    yield ca
    ca.stop()


def made_by(example):
    """The files that an example makes, and that are not there before."""
    forms = [r" ca certificate \S+ (\S+) (\S+)", r" ca sign \S+ (\S+)", r" --out(?:put-file)? (\S+)", r" bundle \S+ \S+ (\S+)$",
             r" create --csr \w+ (\S+) (\S+)", r" (\S+\.csr)$"]
    return {file for form in forms for found in re.findall(form, example) for file in ([found] if isinstance(found, str) else found)}


def prepare(work, ca, command, example):
    client = ca.leaf("myuser").save(work / "client.crt", work / "client.key")
    issue(ca.intermediate, "web.internal", names=["web.internal"]).save(work / "web.crt", work / "web.key")
    (work / "leaf.crt").write_text(client.pem)
    (work / "root_ca.crt").write_text(ca.root.pem)
    (work / "intermediate_ca.crt").write_text(ca.intermediate.pem)
    (work / "password").write_text("secret\n")
    (work / "csr.tpl").write_text('{"subject": {"commonName": {{ toJson .Subject.CommonName }}, "organizationalUnit": {{ toJson .Insecure.User.team }}}}')
    serial = client.certificate.serial_number
    audience = {"aud": f"{ca.url}/1.0/revoke", "sans": []} if command == "ca revoke" else {}
    (work / "token").write_text(ca.token(str(serial) if audience else "myuser", **audience))
    if "--k8ssa" in example:
        (work / "token").write_text(ca.provisioners["pods"].token())
    (work / "provisioner.jwe").write_text(ca.provisioners["admin"].encrypted_key)
    ca.host.pair.save(work / "host.crt", work / "host.key")
    (work / "bin").mkdir()
    (work / "bin/nginx").write_text("#!/bin/sh\n")
    (work / "bin/nginx").chmod(0o755)
    (work / "everleaf.toml").write_text(
        f'[ca]\nurl = "{ca.url}"\nroot = "{ca.root_file}"\n[certificate.upstream]\nsubject = "myuser"\n'
        f'enroll = {{ provisioner = "admin", password-file = "{ca.password_file()}" }}\n')
    here = Program(work, HOME=str(work))
    here("certificate", "format", "client.crt", "--out", "client.der").succeeded()
    here("certificate", "create", "--csr", "--key", "client.key", "myuser", "client.csr").succeeded()
    prepare_step_path(work, ca, command)
    for file in made_by(example):
        (work / file).unlink(missing_ok=True)
    for general, here in (("https://ca.internal:9443", ca.url), ("http://ca.internal/crl", f"{ca.url}/1.0/crl"),
                          ("https://ca.test", ca.url), ("--ca-url ca.internal", f"--ca-url {ca.url.removeprefix('https://')}"),
                          ("https://web.internal", ca.url), ("/etc/step", f"{work}/etc-step"),
                          ("df28d2db70ca...", ca.fingerprint), ("327864450609575122000462909521132708282", str(serial))):
        example = example.replace(general, here)
    return example


def prepare_step_path(work, ca, command):
    if command == "ca bootstrap":
        return
    for base, contexts in ((work / ".step", ["old-ca.internal", "ca.internal"]), (work / "etc-step", ["production"])):
        for context in contexts if command.startswith("context") else [None]:
            words = ["ca", "bootstrap", "--ca-url", ca.url, "--fingerprint", ca.fingerprint, *(["--context", context] if context else [])]
            Program(work, HOME=str(work), STEPPATH=str(base))(*words).succeeded()


def run(work, command, line):
    script = line.replace("everleaf", "timeout --preserve-status 2 everleaf", 1) if "--daemon" in line else line
    if command in OF_THE_SYSTEM:
        script = OVERLAYS + (DAEMON if command in OF_THE_DAEMON else "") + line
    variables = environment(work, STEP_PROVISIONER_PASSWORD_FILE="password", STEP_PROVISIONER="admin")
    variables["PATH"] = f"{work}/bin:{variables['PATH']}"
    return subprocess.run([*(["unshare", "--mount"] if command in OF_THE_SYSTEM else []), "sh", "-c", script], cwd=work, text=True,
                          capture_output=True, timeout=60, env=variables, preexec_fn=die_with_parent, start_new_session=True)


def skip_without_root(command):
    if command in OF_THE_SYSTEM and os.geteuid() != 0:
        pytest.skip("only root can have a copy of the system's directories")


@pytest.mark.parametrize("command, example", EXAMPLES)
def test_an_example_works(work, ca, command, example):
    skip_without_root(command)
    if command == "context remove" and "--force" not in example:  # it asks
        prepare(work, ca, command, example)
        status, _ = Program(work, HOME=str(work)).at_a_terminal(example.split()[1:], "y")
        assert status == 0
        return
    ended = run(work, command, prepare(work, ca, command, example))
    # A certificate that is not due is an answer.
    assert ended.returncode == (1 if command == "certificate needs-renewal" else 0), ended


def with_flag(command, example, flag):
    answer = " --force" if command == "context remove" else ""
    return re.sub(rf"everleaf {command}", rf"everleaf {command} {flag}{answer}", example, count=1)


REPORTS = [(command, example) for command, example in EXAMPLES if "| " not in example and "$(everleaf" not in example and "--json" not in example and "--daemon" not in example]


@pytest.mark.parametrize("command, example", REPORTS)
def test_with_json_it_answers_one_object(work, ca, command, example):
    skip_without_root(command)
    ended = run(work, command, with_flag(command, prepare(work, ca, command, example), "--json"))
    redirected = re.search(r" > (\S+)", example)
    said = json.loads((work / redirected[1]).read_text() if redirected else ended.stdout)
    assert isinstance(said, dict) and said and "error" not in said and ended.stderr == "", ended


@pytest.mark.parametrize("command, example", REPORTS)
def test_with_quiet_it_says_nothing(work, ca, command, example):
    skip_without_root(command)
    ended = run(work, command, with_flag(command, prepare(work, ca, command, example), "--quiet"))
    assert ended.stderr == "" and ended.returncode in (0, 1), ended


@pytest.mark.parametrize("command", TREE)
def test_help_is_a_sentence_the_usage_groups_and_two_examples(command):
    said = TREE[command]
    sentence, usage = said.splitlines()[:2]
    assert re.fullmatch(r"[A-Z].{9,90}[^.]", sentence), sentence
    assert usage.startswith(f"Usage: everleaf {command}"), usage
    assert len(examples_of(said)) >= 2, said
    assert all(re.search(rf"everleaf {command}\b", example) or "$(everleaf" in example for example in examples_of(said)), said
    headings = re.findall(r"^([A-Z][a-z ]+):$", said.partition("\nExamples:")[0], re.M)
    assert len(flags(said)) < 10 or len(headings) >= 3, headings
