# SPDX-License-Identifier: Apache-2.0
"""What is asked at a terminal."""
import pytest

from sample_files import sample_files


@pytest.mark.parametrize("command, protected", [
    (["certificate", "create", "--csr", "a.test", "new.csr", "new.key"], "new.key"),
    (["certificate", "p12", "new.p12", "fresh.crt", "fresh.key"], "new.p12"),
], ids=["create", "p12"])
def test_an_empty_new_password_is_asked_for_again(everleaf, work, command, protected):
    sample_files(work)
    status, shown = everleaf.at_a_terminal(command, "", "", "hush")
    assert status == 0 and shown.count("password to encrypt") == 3, shown
    assert b"PRIVATE KEY" not in (work / protected).read_bytes() or b"ENCRYPTED" in (work / protected).read_bytes()


def test_a_terminal_that_ends_gives_no_password(everleaf, work):
    status, shown = everleaf.at_a_terminal(["certificate", "create", "--csr", "a.test", "new.csr", "new.key"], "\x04")
    assert status == 1 and "there was no answer" in shown and not (work / "new.key").exists(), shown


@pytest.mark.parametrize("answers, replaced", [(["Y"], True), (["Yes"], True), ([" y "], True), (["", "perhaps", "y"], True),
                                               (["N"], False), (["", "no"], False)], ids=str)
def test_whether_to_overwrite_is_asked_until_the_answer_is_one(everleaf, work, answers, replaced):
    sample_files(work)
    (work / "old").write_text("old\n")
    status, shown = everleaf.at_a_terminal(["certificate", "key", "fresh.crt", "--out", "old"], *answers)
    assert shown.count("[y/n]") == len(answers) and (status == 0) == replaced, shown
    assert ((work / "old").read_text() != "old\n") == replaced
