# SPDX-License-Identifier: Apache-2.0
"""Writes man(7): a few building blocks, and the Markdown of docs/ made of them."""
import re

SPECIAL = {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}


def plain(text):
    text = "".join(SPECIAL.get(character, character) for character in text)
    return r"\&" + text if text.startswith(".") else text


def inline(markdown):
    """`code`, **strong** and [links](elsewhere) within a line."""
    markdown = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", markdown)
    parts = re.split(r"`([^`]*)`|\*\*([^*]*)\*\*", markdown)
    return "".join(plain(part) if at % 3 == 0 else rf"\fB{plain(part)}\fR"
                   for at, part in enumerate(parts) if part)


def title(name, section, version):
    return f'.TH {name} {section} "" "everleaf {version}" ""'


def heading(markdown, level=2):
    return f".SH {inline(markdown if '`' in markdown else markdown.upper())}" if level == 2 else f".SS {inline(markdown)}"


def paragraph(markdown):
    return ".PP\n" + inline(markdown)


def definition(term, markdown):
    return f".TP\n{inline(term)}\n{inline(markdown)}"


def example(lines):
    return ".PP\n.RS 4\n.EX\n" + "\n".join(map(plain, lines)) + "\n.EE\n.RE"


def cells(row):
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def from_markdown(text):
    """Headings, paragraphs, lists, code, and tables: their first column is what the others explain."""
    for block in re.findall(r"^```[\s\S]*?^```$|(?:^(?!```).+\n?)+", text, re.M):
        yield from from_block(block.rstrip().splitlines())


def from_block(lines):
    if lines[0].startswith("#"):
        marks, _, text = lines[0].partition(" ")
        yield heading(text, len(marks))
        if lines[1:]:
            yield from from_block(lines[1:])
    elif lines[0].startswith("```"):
        yield example(lines[1:-1])
    elif lines[0].startswith("    "):
        yield example([line[4:] for line in lines])
    elif lines[0].startswith("|"):
        for term, *rest in map(cells, lines[2:]):
            yield definition(term, ". ".join(filter(None, rest)))
    elif re.match(r"(-|\d+\.) ", lines[0]):
        for item in re.split(r"\n(?=(?:-|\d+\.) )", "\n".join(lines)):
            mark, _, body = item.partition(" ")
            yield rf".IP {mark if mark != '-' else chr(92) + '(bu'} 4" + "\n" + inline(" ".join(body.split()))
    else:
        yield paragraph(" ".join(lines))


def from_footer(text):
    """What help shows last: paragraphs, and "Examples:" with indented lines."""
    for block in filter(None, text.split("\n\n")):
        first, *rest = block.splitlines()
        yield paragraph(first)
        if rest:
            yield example([line.strip() for line in rest])
