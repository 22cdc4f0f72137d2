# SPDX-License-Identifier: Apache-2.0
"""Man pages without warnings that say what --help says, and completions in the real shells."""
import os
import re
import subprocess

import pytest

PROGRAMS = {"everleaf": "man1/everleaf.1.gz", "everleafd": "man8/everleafd.8.gz", "everleaf.toml": "man5/everleaf.toml.5.gz"}


def output(*command, **options):
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=True, **options)
    assert ended.stderr == "", ended.stderr
    return ended.stdout


@pytest.fixture(params=PROGRAMS)
def page(request, prefix):
    return request.param, prefix / "share" / "man" / PROGRAMS[request.param]


def test_no_warnings(page):
    output("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", page[1], env={**os.environ, "MANROFFSEQ": "", "MANWIDTH": "80"})


def test_whatis_finds_the_name(page):
    assert output("lexgrog", page[1]).startswith(f'{page[1]}: "{page[0]} - ')


def commands_below(program, *words):
    """Every command with what its --help says, as the program itself says it."""
    said = output(program, *words, "--help")
    yield words, said
    _, _, listed = said.partition("Subcommands:\n")
    for name in re.findall(r"^  ([a-z-]+) ", listed, re.M):
        yield from commands_below(program, *words, name)


@pytest.mark.parametrize("program", ["everleaf", "everleafd"])
def test_the_page_has_each_command_and_option(prefix, program):
    text = output("man", "-E", "UTF-8", "-l", prefix / "share" / "man" / PROGRAMS[program], env={**os.environ, "MANWIDTH": "120"})
    for words, said in commands_below(prefix / "bin" / program):
        assert " ".join([program, *words]) in text
        for option in re.findall(r"--[a-z-]+", said):
            assert option in text, (words, option)


# What is typed up to the cursor -> what is offered, and nothing else.
CASES = {
    "everleaf ": {"ca", "certificate", "check", "context", "help", "path", "plan", "renew", "setup", "status", "version"},
    "everleaf ca r": {"root", "roots", "renew", "rekey", "revoke"},
    "everleaf ca certificate --to": {"--token"},
    "everleaf ca certificate --token x --kty ": {"EC", "OKP", "RSA"},
    "everleaf ca renew cli": {"client.crt", "client.key"},
    "everleaf ca renew --root ro": {"root.crt"},
    "everleaf certificate needs-renewal --b": {"--bundle"},
    "everleafd --c": {"--config", "--check"},
    "everleafd --config ro": {"root.crt"},
}


def complete_in_bash(prefix, line):
    script = prefix / "share" / "bash-completion" / "completions" / line.split()[0]
    return output("bash", "-c", r"""
        source "$1"; shift
        COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
        "_$1" "$1" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\n' "${COMPREPLY[@]}" """, "bash", script, *line.split(" ")).split()


def complete_in_fish(prefix, line):
    script = prefix / "share" / "fish" / "vendor_completions.d" / f"{line.split()[0]}.fish"
    said = output("fish", "--no-config", "-c", f"source {script}; complete --do-complete '{line}'")
    return [offered.split("\t")[0] for offered in said.splitlines()]


# An interactive zsh in a pseudo terminal whose compadd tells us what it was given.
ZSH = r"""
zmodload zsh/zpty
zpty inner zsh -f -i
zpty -w inner "source ${(q)1}"
zpty -r inner said '*ready*'
zpty -w -n inner "$2"$'\t'
zpty -r inner said '*<begin>*<end>*'
print -r -- ${${said##*<begin>}%%<end>*}
"""
ZSH_SETUP = r"""
PROMPT=
fpath=({directory} $fpath)
autoload -Uz compinit
compinit -u -D
bindkey '^I' complete-word
compprefuncs=(started) comppostfuncs=(ended)
started() {{ print '<begin>' }}
ended() {{ print '<end>'; exit }}
compadd() {{
  local -a hits
  if [[ ${{@[1,(i)(-|--)]}} == *-(O|A|D)\ * ]]; then builtin compadd "$@"; return; fi
  builtin compadd -A hits "$@"
  print -rl -- $hits
}}
print ready
"""


def complete_in_zsh(prefix, line, tmp_path):
    setup = tmp_path / "setup.zsh"
    setup.write_text(ZSH_SETUP.format(directory=prefix / "share" / "zsh" / "vendor-completions"))
    return output("zsh", "-f", "-c", ZSH, "zsh", setup, line, timeout=20).split()


@pytest.mark.parametrize("shell", ["bash", "fish", "zsh"])
@pytest.mark.parametrize("line", CASES)
def test_completion(prefix, tmp_path, monkeypatch, shell, line):
    work = tmp_path / "work"
    work.mkdir()
    for name in ("client.crt", "client.key", "root.crt"):
        (work / name).touch()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HOME", str(tmp_path))
    if shell == "zsh":
        offered = complete_in_zsh(prefix, line, tmp_path)
    else:
        offered = {"bash": complete_in_bash, "fish": complete_in_fish}[shell](prefix, line)
    assert set(offered) == CASES[line]
