# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every file operation: the pair matches and is old or new, the next run goes on, nothing is left lying about.

The CA is the test one, which signs whatever it is asked: what is tested here are files.
"""
import shutil

import pytest

from certificates import load, pair_matches
from kill_points import kill_points, killed_at
from program import BINARIES, contents

NAMES = ["client.crt", "client.key"]


def command(ca, place, *words):
    return [str(BINARIES / "everleaf"), *map(str, words), str(place / NAMES[0]), str(place / NAMES[1]), *map(str, ca.trust())]


def certificate(ca, place):
    return [*command(ca, place, "ca", "certificate", "myuser"), *map(str, ca.credential()), "--force"]


def renew(ca, place):
    return [*command(ca, place, "ca", "renew"), "--force"]


def rekey(ca, place):
    return [*command(ca, place, "ca", "rekey"), "--force"]


def finish(everleaf, ca, place):
    """Any next run puts in order what a killed one left, even if it then finds that nothing is due."""
    return everleaf("ca", "renew", place / NAMES[0], place / NAMES[1], "--expires-in", "1s", "--force", *ca.trust())


def every_kill(run, everleaf, ca, work, before):
    """Kills `run` at each of its file operations, each time in a fresh copy of the directory `before`."""
    def fresh():
        shutil.rmtree(work)
        shutil.copytree(before, work) if before else work.mkdir()
        return work

    points, whole = kill_points(run(ca, fresh()), work.parent, everleaf.environment, work)
    whole.succeeded()
    kills = 0
    for point in points:
        place = fresh()
        killed = killed_at(point, run(ca, place), work.parent, everleaf.environment)
        assert killed.status in (-9, 0), f"{point}: {killed}"  # 0: a run that needed fewer such calls
        kills += killed.status == -9
        yield point, place
    assert kills >= 4 and kills >= 0.8 * len(points)


@pytest.fixture
def before(lying_ca, tmp_path):
    (tmp_path / "before").mkdir()
    lying_ca.leaf().save(tmp_path / "before" / NAMES[0], tmp_path / "before" / NAMES[1])
    return tmp_path / "before"


@pytest.mark.parametrize("run", [certificate, renew, rekey], ids=lambda run: run.__name__)
def test_a_replacement_killed_anywhere_is_old_or_new_after_the_next_run(everleaf, lying_ca, work, before, run):
    old = contents(before)
    for point, place in every_kill(run, everleaf, lying_ca, work, before):
        finish(everleaf, lying_ca, place).succeeded()
        assert sorted(contents(place)) == NAMES, point
        assert pair_matches(place / NAMES[0], place / NAMES[1]), point
        now = contents(place)
        assert now == old or now[NAMES[0]] != old[NAMES[0]], point


@pytest.mark.parametrize("run", [certificate, renew, rekey], ids=lambda run: run.__name__)
def test_the_same_command_succeeds_after_it_was_killed_anywhere(everleaf, lying_ca, work, before, run):
    for point, place in every_kill(run, everleaf, lying_ca, work, before):
        everleaf(*run(lying_ca, place)[1:]).succeeded()
        assert sorted(contents(place)) == NAMES, point
        assert pair_matches(place / NAMES[0], place / NAMES[1]), point


def test_a_first_certificate_killed_anywhere_can_be_asked_for_again(everleaf, lying_ca, work):
    for point, place in every_kill(certificate, everleaf, lying_ca, work, None):
        everleaf(*certificate(lying_ca, place)[1:]).succeeded()
        assert sorted(contents(place)) == NAMES, point
        assert pair_matches(place / NAMES[0], place / NAMES[1]), point


@pytest.mark.parametrize("run", [renew, rekey], ids=lambda run: run.__name__)
def test_no_single_file_is_ever_half_written(everleaf, lying_ca, work, before, run):
    old = load(before / NAMES[0])
    for point, place in every_kill(run, everleaf, lying_ca, work, before):
        assert load(place / NAMES[0]).subject == old.subject, point
        assert (place / NAMES[1]).read_text().endswith("PRIVATE KEY-----\n"), point
