# SPDX-License-Identifier: Apache-2.0
"""The tier ends with a table: part, cases, passed. A test says by count() how many cases it was."""
import pytest

from lying_ca import LyingCa

PARTS = {
    "test_kill": "killed at every call that changes a file",
    "test_terminate": "told to end at every call that changes a file",
    "test_errors": "an error at every call that changes a file",
    "test_readers": "readers while a live directory is swapped",
    "test_lies": "a CA that lies",
    "test_soak": "soak",
}


def pytest_collection_modifyitems(items):
    """What takes longest, and least of a processor, begins first."""
    items.sort(key=lambda item: "test_soak" not in item.nodeid)


@pytest.fixture
def lying_ca(tmp_path):
    with LyingCa(tmp_path / "lying-ca") as ca:
        yield ca


@pytest.fixture
def old_pair(lying_ca, tmp_path):
    """A directory with a pair of earlier."""
    directory = tmp_path / "before"
    directory.mkdir()
    lying_ca.leaf().save(directory / "client.crt", directory / "client.key")
    return directory


@pytest.fixture
def count(record_property):
    return lambda cases: record_property("cases", cases)


@pytest.fixture
def note(record_property):
    """A text that is shown below the table."""
    return lambda text: record_property("note", text)


def part_of(report):
    return report.nodeid.partition("::")[0].rpartition("/")[2].removesuffix(".py")


def cases_of(report):
    return sum(value for name, value in report.user_properties if name == "cases") or 1


def pytest_terminal_summary(terminalreporter):
    reports = {outcome: terminalreporter.stats.get(outcome, []) for outcome in ("passed", "failed", "error", "skipped")}
    rows = []
    for part, title in PARTS.items():
        mine = {outcome: [r for r in found if part_of(r) == part] for outcome, found in reports.items()}
        if not any(mine.values()):
            continue
        passed = sum(map(cases_of, mine["passed"]))
        rest = sum(map(cases_of, mine["failed"] + mine["error"]))
        rows.append((title, passed + rest, passed, len(mine["skipped"])))
    if rows:
        terminalreporter.write_line("")
        terminalreporter.write_line(f"{'faults':50} {'cases':>8} {'passed':>8}")
        for title, cases, passed, skipped in rows:
            terminalreporter.write_line(f"{title:50} {cases:8} {passed:8}{f'  {skipped} skipped' if skipped else ''}")
        notes = [value for report in reports["passed"] for name, value in report.user_properties if name == "note"]
        terminalreporter.write_line("\n".join(["", *notes]))
