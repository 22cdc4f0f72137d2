# SPDX-License-Identifier: Apache-2.0
"""Completions for bash, zsh and fish, from a command tree (describe.cpp)."""
from shlex import quote

from reference import choices, flags, positionals, value

FILES = {"FILE", "CRT", "KEY"}  # the names of values that are files


def nodes(tree, path=""):
    """Every command with the words after the program's name that lead to it."""
    yield path, tree
    for command in tree["commands"]:
        yield from nodes(command, f"{path} {command['name']}".strip())


def paths(tree):
    return [path for path, _ in nodes(tree) if path]


def lines(*parts):
    return "".join(f"{line}\n" for part in parts for line in ([part] if isinstance(part, str) else part))


def bash(tree):
    program = tree["name"]

    def value_of(path, option):
        names = "|".join(quote(f"{path} {name}".strip()) for name in option["names"])
        answer = "files" if value(option) in FILES else f"offer {quote(' '.join(choices(option)))}"
        return f"    {names}) _{program}_{answer}; return ;;"

    def words_of(path, command):
        names = " ".join(name for option in command["options"] for name in option["names"])
        rest = f"offer {quote(' '.join(child['name'] for child in command['commands']))}"
        if any(option["positional"] in FILES for option in positionals(command)):
            rest = "files"
        return (f"    {quote(path)}) if [[ $current == -* ]]; then _{program}_offer {quote(names)};"
                f" else _{program}_{rest}; fi ;;")

    known = [f"    case $word in {'|'.join(map(quote, paths(tree)))}) command=$word ;; esac"] if paths(tree) else []
    return lines(
        f"# bash completion for {program}, made from its command tree",
        f"_{program}_offer() {{ mapfile -t COMPREPLY < <(compgen -W \"$1\" -- \"$current\"); }}",
        f"_{program}_files() {{",
        "  compopt -o filenames 2>/dev/null",
        "  mapfile -t COMPREPLY < <(compgen -f -- \"$current\")",
        "}",
        f"_{program}() {{",
        "  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command='' word",
        "  if [[ $current == = ]]; then current=''; elif [[ $previous == = ]]; then previous=${COMP_WORDS[COMP_CWORD-2]}; fi",
        "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do",
        "    word=\"${command:+$command }$word\"",
        known,
        "  done",
        "  case \"${command:+$command }$previous\" in",
        (value_of(path, option) for path, command in nodes(tree) for option in flags(command) if option["value"]),
        "  esac",
        "  case $command in",
        (words_of(path, command) for path, command in nodes(tree)),
        "  esac",
        "}",
        f"complete -F _{program} {program}")


def zsh(tree):
    program = tree["name"]

    def described(text):
        return "[" + "".join("\\" + c if c in "[]:\\" else c for c in text) + "]"

    def action(name, option):
        return "_files" if name in FILES else f"({' '.join(choices(option))})" if choices(option) else ""

    def argument(option):
        names = option["names"]
        if not names:
            return quote(f"{'' if option['repeatable'] else ':' if option['required'] else '::'}{option['positional']}"
                         f":{action(option['positional'], option)}")
        takes = f":{value(option)}:{action(value(option), option)}" if option["value"] else ""
        before = "*" if option["repeatable"] else f"({' '.join(names)})"
        spelled = [f"{name}={''}" if takes and name.startswith("--") else name for name in names]
        middle = "{" + ",".join(spelled) + "}" if len(names) > 1 else spelled[0]
        return quote(before) + middle + quote(described(option["help"]) + takes)

    def function(path, command):
        name = "_".join([f"_{program}", *path.split()])
        arguments = [f"    {argument(option)} \\" for option in command["options"]]
        if not command["commands"]:
            return [f"{name}() {{", "  _arguments \\", *arguments, "    && return", "}"]
        return [f"{name}() {{",
                "  local curcontext=$curcontext state line",
                "  local -a commands=(",
                *(f"    {quote(child['name'] + ':' + child['help'])}" for child in command["commands"]),
                "  )",
                "  _arguments -C \\", *arguments, "    '1: :->command' '*:: :->arguments' && return",
                "  case $state in",
                "    command) _describe command commands ;;",
                f"    arguments) (( $+functions[{name}_$line[1]] )) && {name}_$line[1] ;;",
                "  esac",
                "}"]

    return lines(f"#compdef {program}", "# made from the command tree",
                 (line for path, command in nodes(tree) for line in function(path, command)),
                 f'_{program} "$@"')


def fish(tree):
    program = tree["name"]

    def offers(path, command):
        at = f"complete -c {program} -n {quote(f'__{program}_at {quote(path)}')}"
        for child in command["commands"]:
            yield f"{at} -a {child['name']} -d {quote(child['help'])}"
        if any(option["positional"] in FILES for option in positionals(command)):
            yield f"{at} -F"
        for option in command["options"]:
            names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option["names"])
            takes = ("" if not option["value"] else " -rF" if value(option) in FILES
                     else f" -xa {quote(' '.join(choices(option)))}" if choices(option) else " -x")
            if names:
                yield f"{at} {names}{takes} -d {quote(option['help'])}"

    return lines(
        f"# fish completion for {program}, made from its command tree",
        f"function __{program}_at --description 'whether the words so far name this command'",
        "    set -l words (commandline -opc)",
        "    set -l command",
        "    for word in $words[2..-1]",
        "        set -l longer (string trim -- \"$command $word\")",
        f"        contains -- $longer {' '.join(map(quote, paths(tree)))}; and set command $longer",
        "    end",
        "    test \"$command\" = \"$argv\"",
        "end",
        f"complete -c {program} -f",
        (line for path, command in nodes(tree) for line in offers(path, command)))
