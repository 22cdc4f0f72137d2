# SPDX-License-Identifier: Apache-2.0
"""Symbolic links where a command writes: what they lead to is replaced, and they stay."""
import os

import pytest

from certificates import DAY, load, now, pair_matches
from program import contents


@pytest.fixture
def linked(lying_ca, work):
    """A pair in "live" and links to it: one absolute, one by way of another that is relative."""
    (work / "live").mkdir()
    lying_ca.leaf(not_before=now() - 0.75 * DAY).save(work / "live/a.crt", work / "live/a.key")
    (work / "a.crt").symlink_to(work / "live/a.crt")
    (work / "a.key").symlink_to("b.key")
    (work / "b.key").symlink_to("live/a.key")
    return work


def links(work):
    return {name: os.readlink(work / name) for name in ("a.crt", "a.key", "b.key") if (work / name).is_symlink()}


@pytest.mark.parametrize("words", [["ca", "renew"], ["ca", "rekey"], ["ca", "certificate", "myuser"]], ids=" ".join)
def test_what_a_link_leads_to_is_replaced(everleaf, lying_ca, linked, words):
    names, before, old = links(linked), sorted(contents(linked)), load(linked / "a.crt")
    more = lying_ca.credential() if "certificate" in words else []
    everleaf(*words, "a.crt", "a.key", "--force", *lying_ca.trust(), *more).succeeded()
    assert links(linked) == names and sorted(contents(linked)) == before
    assert load(linked / "live/a.crt") != old and pair_matches(linked / "live/a.crt", linked / "live/a.key")


def test_a_link_to_what_is_not_there_yet(everleaf, lying_ca, linked):
    (linked / "live/a.crt").unlink()
    (linked / "live/a.key").unlink()
    everleaf("ca", "certificate", "myuser", "a.crt", "a.key", *lying_ca.trust(), *lying_ca.credential()).succeeded()
    assert len(links(linked)) == 3 and pair_matches(linked / "live/a.crt", linked / "live/a.key")


def test_a_single_file(everleaf, lying_ca, linked):
    everleaf("ca", "roots", "a.crt", "--force", *lying_ca.trust()).succeeded()
    (linked / "own.key").write_bytes((linked / "live/a.key").read_bytes())
    everleaf("certificate", "create", "--csr", "--key", "own.key", "myuser", "b.key", "--force").succeeded()
    assert len(links(linked)) == 3 and "REQUEST" in (linked / "live/a.key").read_text()
    assert (linked / "live/a.crt").read_text() == open(lying_ca.root_file).read()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make somebody else's link")
def test_somebody_elses_link_is_replaced_itself(everleaf, lying_ca, linked):
    os.lchown(linked / "a.crt", 65534, 65534)
    old = (linked / "live/a.crt").read_bytes()
    everleaf("ca", "renew", "a.crt", "a.key", "--force", *lying_ca.trust()).succeeded()
    assert "a.crt" not in links(linked) and (linked / "live/a.crt").read_bytes() == old
    assert pair_matches(linked / "a.crt", linked / "live/a.key")
