# SPDX-License-Identifier: Apache-2.0
"""kill -9 at every file operation: the pair matches and is old or new, the next run goes on, nothing is left lying about.

The CA is the test one, which signs whatever it is asked: what is tested here are files.
"""
import shutil

import pytest

from certificates import load, load_key, pair_matches
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


def root(ca, place):
    return [BINARIES / "everleaf", "ca", "root", place / "out", "--ca-url", ca.url, "--fingerprint", ca.fingerprint, "--force"]


def token(ca, place):
    return [BINARIES / "everleaf", "ca", "token", "myuser", "--output-file", place / "out", *ca.trust(), *ca.credential(),
            "--force"]


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
    assert kills >= 3 and kills >= 0.8 * len(points)


@pytest.fixture
def before(lying_ca, tmp_path):
    (tmp_path / "before").mkdir()
    lying_ca.leaf().save(tmp_path / "before" / NAMES[0], tmp_path / "before" / NAMES[1])
    return tmp_path / "before"


@pytest.mark.parametrize("run", [certificate, renew, rekey], ids=lambda run: run.__name__)
def test_a_replacement_killed_anywhere(everleaf, lying_ca, work, before, run):
    old = contents(before)
    for point, place in every_kill(run, everleaf, lying_ca, work, before):
        assert load(place / NAMES[0]) and load_key(place / NAMES[1]), point  # no single file is half written
        copy = shutil.copytree(place, place.with_name("copy"))
        check_what_any_next_run_leaves(everleaf, lying_ca, place, old, point)
        shutil.rmtree(place)
        copy.rename(place)
        check_that_it_succeeds_again(everleaf, lying_ca, place, run, point)


def check_what_any_next_run_leaves(everleaf, ca, place, old, point):
    finish(everleaf, ca, place).succeeded()
    assert sorted(contents(place)) == NAMES, point
    assert pair_matches(place / NAMES[0], place / NAMES[1]), point
    new = contents(place)
    assert new == old or new[NAMES[0]] != old[NAMES[0]], point


def check_that_it_succeeds_again(everleaf, ca, place, run, point):
    everleaf(*run(ca, place)[1:]).succeeded()
    assert sorted(contents(place)) == NAMES, point
    assert pair_matches(place / NAMES[0], place / NAMES[1]), point


def test_a_first_certificate_killed_anywhere_can_be_asked_for_again(everleaf, lying_ca, work):
    for point, place in every_kill(certificate, everleaf, lying_ca, work, None):
        check_that_it_succeeds_again(everleaf, lying_ca, place, certificate, point)


@pytest.mark.parametrize("run", [root, token], ids=lambda run: run.__name__)
def test_a_single_file_killed_anywhere_is_old_or_new(everleaf, lying_ca, work, tmp_path, run):
    before = tmp_path / "before"
    before.mkdir()
    (before / "out").write_text("old\n")
    for point, place in every_kill(run, everleaf, lying_ca, work, before):
        text = (place / "out").read_text()
        assert text == "old\n" or text == lying_ca.trusted.root.pem or text.count(".") == 2, point
        everleaf(*run(lying_ca, place)[1:]).succeeded()
        assert sorted(contents(place)) == ["out"], point
