# SPDX-License-Identifier: Apache-2.0
"""The parts of a man page that follow from a command tree (describe.cpp): name, synopsis, commands, options."""
import roff


def value(option):
    """FILE; EC|OKP|RSA of TEXT:{EC,OKP,RSA}; nothing for a flag."""
    return "|".join(choices(option)) or option["value"].partition(":")[0]


def choices(option):
    _, _, listed = option["value"].partition("{")
    return listed.rstrip("}").split(",") if listed else []


def positionals(command):
    return [option for option in command["options"] if option["positional"]]


def flags(command):
    return [option for option in command["options"] if option["names"]]


def leaves(tree, path=()):
    """Every command that does something, with the words that call it."""
    path = (*path, tree["name"])
    if not tree["commands"]:
        yield path, tree
    for command in tree["commands"]:
        yield from leaves(command, path)


def synopsis(path, command):
    words = [option["positional"] if option["required"] else f"[{option['positional']}]" for option in positionals(command)]
    return " ".join([f"`{' '.join(path)}`", "[OPTION]...", *words])


def definitions(options):
    for option in options:
        names = [option["positional"]] if option["positional"] else option["names"]
        yield roff.definition(" ".join([", ".join(f"`{name}`" for name in names),
                                        "" if option["positional"] else value(option)]).strip(),
                              option["help"] + ("; required" if option["required"] and option["names"] else ""))


def name_and_synopsis(tree):
    yield roff.heading("Name")
    yield f"{tree['name']} \\- {roff.plain(tree['help'].rstrip('.'))}"
    yield roff.heading("Synopsis")
    for path, command in leaves(tree):
        yield roff.inline(synopsis(path, command)) + "\n.br"


def options_and_commands(tree):
    yield roff.heading("Options")
    yield from definitions(tree["options"])
    yield from roff.from_footer(tree["footer"])
    if not tree["commands"]:
        return
    yield roff.heading("Commands")
    for path, command in leaves(tree):
        yield roff.heading(" ".join(path), 3)
        yield roff.paragraph(command["help"] + ".")
        yield roff.paragraph(synopsis(path, command))
        yield from definitions(option for option in command["options"] if "--help" not in option["names"])
        yield from roff.from_footer(command["footer"])
