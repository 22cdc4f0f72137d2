# SPDX-License-Identifier: Apache-2.0
"""What replaces files, and where: commands with their outputs in a directory, everleafd in each of its layouts."""
import json
import os

from certificates import DAY, now, pair_matches
from daemon import LIVE_FILES, Daemon, Hook, certificate as managed, proxy
from program import BINARIES, Program, contents

PAIR = ["client.crt", "client.key"]


def command(ca, place, *words):
    return [BINARIES / "everleaf", *words, *(place / name for name in PAIR), *ca.trust(), "--force"]


def certificate(ca, place):
    return [*command(ca, place, "ca", "certificate", "myuser"), *ca.credential()]


def renew(ca, place):
    return command(ca, place, "ca", "renew")


def rekey(ca, place):
    return command(ca, place, "ca", "rekey")


def root(ca, place):
    return [BINARIES / "everleaf", "ca", "root", place / "out", "--ca-url", ca.url, "--fingerprint", ca.fingerprint, "--force"]


def token(ca, place):
    return [BINARIES / "everleaf", "ca", "token", "myuser", "--output-file", place / "out", *ca.trust(), *ca.credential(),
            "--force"]


REPLACING = [certificate, renew, rekey]


def finish(ca, place):
    """Any next run puts in order what a broken one left, even if it then finds that nothing is due."""
    return Program(place)(*renew(ca, place)[1:], "--expires-in", "1s")


def renewed(place, old):
    """A whole new pair and nothing else."""
    return (sorted(contents(place)) == PAIR and pair_matches(*(place / name for name in PAIR))
            and contents(place)[PAIR[0]] != old.get(PAIR[0]))


# everleafd

def due_pair(ca):
    return ca.leaf(not_before=now() - 0.75 * DAY)


def enrolling(ca, daemon):
    return [managed("one", f'enroll = {{ password-file = "{ca.password_file}" }}', used_by=["p"])]


def rekeying(ca, daemon):
    daemon.place("one", due_pair(ca))
    return [managed("one", used_by=["p"])]


def rekeying_given_files(ca, daemon):
    files = daemon.base / "files"
    files.mkdir()
    due_pair(ca).save(files / "tls.crt", files / "tls.key")
    paths = f'certificate = "{files}/tls.crt", key = "{files}/tls.key", combined = "{files}/tls.pem"'
    return [managed("one", f"files = {{ {paths} }}", used_by=["p"])]


LAYOUTS = [enrolling, rekeying, rekeying_given_files]


class TendedProxy:
    """An everleafd that has one certificate to get, and then a hook to call."""

    def __init__(self, directory, ca, layout):
        directory.mkdir()
        self.daemon, self.hook = Daemon(directory / "daemon", ca, root=True), Hook(directory)
        self.daemon.configure(*layout(ca, self.daemon), proxy("p", self.hook.script))
        given = layout is rekeying_given_files
        self.place = self.daemon.base / "files" if given else self.daemon.live / "one"
        self.names = ["tls.crt", "tls.key", "tls.pem"] if given else LIVE_FILES
        self.pair = self.place / "tls.crt", self.place / "tls.key"
        self.old = self.leaf()

    def leaf(self):
        return self.pair[0].read_text() if self.pair[0].exists() else None

    def is_new(self):
        return self.leaf() != self.old

    def owed(self):
        account = self.daemon.state / "proxy.p.json"
        return json.loads(account.read_text())["owed"] if account.exists() else []

    def beside(self):
        """What is in the live parent besides the live directory."""
        return [name for name in os.listdir(self.daemon.live) if name != "one"] if self.daemon.live.exists() else []

    def is_done(self):
        return self.hook.calls() and not self.owed() and not self.beside()

    def check_finished(self, where):
        assert sorted(path.name for path in self.place.iterdir()) == self.names, where
        assert pair_matches(*self.pair) and self.is_new() and not self.owed() and not self.beside(), where
        assert not list(self.daemon.state.glob("*.key")) and not list(self.daemon.base.rglob(".*.everleaf-*")), where
