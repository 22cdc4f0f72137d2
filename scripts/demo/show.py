# SPDX-License-Identifier: Apache-2.0
"""What the person at the terminal sees."""
import sys
import time


class Failure(Exception):
    """The demonstration failed: what, and the file in which to look why."""

    def __init__(self, what, log=None):
        super().__init__(what)
        self.log = log


def say(text=""):
    clear_progress()
    print(text, flush=True)


def heading(text):
    say(f"\n{text}")


def progress(text):
    """One line that is updated, on a terminal only."""
    if sys.stdout.isatty():
        print(f"\r\033[K{text}", end="", flush=True)


def clear_progress():
    if sys.stdout.isatty():
        print("\r\033[K", end="", flush=True)


def tail(path, lines=15):
    try:
        return "\n".join(f"    {line}" for line in path.read_text(errors="replace").splitlines()[-lines:])
    except OSError as problem:
        return f"    ({problem})"


def clock(moment):
    return time.strftime("%H:%M:%S", time.localtime(moment)) + f"{moment % 1:.1f}"[1:]


def table(columns, rows):
    """Columns as wide as their widest cell."""
    cells = [columns, *rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    for row in cells:
        say("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
