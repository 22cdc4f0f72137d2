# SPDX-License-Identifier: Apache-2.0
"""make.py DIRECTORY VERSION TREE.json... writes the man pages and completions of these command trees to DIRECTORY."""
import gzip
import json
import sys
from pathlib import Path

import completions
import reference
import roff

HERE = Path(__file__).parent
DOCS = HERE.parents[1] / "docs"
SECTION = {"everleaf": 1, "everleafd": 8}


def after_introduction(document):
    """A page of docs/ without its title and what comes before the first section."""
    text = document.read_text()
    return text[text.index("\n## "):]


def page_of_program(tree, version):
    name = tree["name"]
    yield roff.title(name, SECTION[name], version)
    yield from reference.name_and_synopsis(tree)
    yield from reference.options_and_commands(tree)
    if name == "everleafd":
        yield from roff.from_markdown(after_introduction(DOCS / "everleafd.md"))
    yield from roff.from_markdown((HERE / f"{name}.md").read_text())


def page_of_configuration(version):
    _, _, text = (DOCS / "configuration.md").read_text().partition("\n")
    yield roff.title("everleaf.toml", 5, version)
    yield roff.heading("Name")
    yield r"everleaf.toml \- configuration of everleafd"
    yield roff.heading("Description")
    yield from roff.from_markdown(text)
    yield roff.heading("See also")
    yield roff.inline("`everleafd`(8), `everleaf`(1)")


def main():
    directory, version, *trees = sys.argv[1:]
    directory = Path(directory)
    directory.mkdir(exist_ok=True)

    def write_page(name, blocks):
        text = "\n".join(blocks) + "\n"
        (directory / f"{name}.gz").write_bytes(gzip.compress(text.encode(), 9, mtime=0))

    write_page("everleaf.toml.5", page_of_configuration(version))
    for tree in (json.loads(Path(file).read_text()) for file in trees):
        name = tree["name"]
        write_page(f"{name}.{SECTION[name]}", page_of_program(tree, version))
        (directory / f"{name}.bash").write_text(completions.bash(tree))
        (directory / f"_{name}").write_text(completions.zsh(tree))
        (directory / f"{name}.fish").write_text(completions.fish(tree))


if __name__ == "__main__":
    main()
