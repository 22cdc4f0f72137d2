# SPDX-License-Identifier: Apache-2.0
"""The commands of a program, as its own --help tells of them."""
import re


def flags(said):
    """The flags that a --help lists, with all their names: the first word of each line that begins with a dash."""
    words = re.findall(r"^  (-[\w,-]+)", said, re.M)
    return {name for word in words for name in word.split(",") if name.startswith("--")}


def commands(program, *words):
    """The words of every command, and what its --help says."""
    said = program(*words, "--help").succeeded().stdout
    _, _, listed = said.partition("Subcommands:\n")
    names = re.findall(r"^  ([a-z0-9-]+) ", listed, re.M)
    for name in names:
        yield from commands(program, *words, name)
    if not names:
        yield " ".join(words), said
