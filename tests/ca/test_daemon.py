# SPDX-License-Identifier: Apache-2.0
"""everleafd: from a configuration to certificates that stay fresh and proxies that know it."""
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import threading

import pytest

from certificates import DAY, Seconds, load, load_all, names_of, now, pair_matches, public_bytes
from daemon import LIVE_FILES, Daemon, certificate, proxy
from lying_ca import LIES, LyingCa
from program import SANITIZED, contents

DUE = {"not_before": now() - 0.75 * DAY}  # of a day; renewal is due from half to two thirds of it


def by_password(ca, provisioner="admin"):
    path = ca.password_file(provisioner) if callable(ca.password_file) else ca.password_file
    return f'enroll = {{ provisioner = "{provisioner}", password-file = "{path}" }}'


def due_pair(ca, **differently):
    return ca.leaf(**{**DUE, **differently})


# Getting and keeping

def test_what_is_missing_is_enrolled_by_password(daemon, real_ca):
    everleafd = daemon(real_ca, certificate("one", by_password(real_ca))).start()
    everleafd.wait(lambda: everleafd.has_pair("one"))
    everleafd.terminate()
    assert names_of(load(everleafd.crt("one"))) == ["myuser"]


def test_what_is_missing_is_enrolled_by_token_file(daemon, real_ca, tmp_path):
    (tmp_path / "token").write_text(real_ca.token("myuser") + "\n")
    everleafd = daemon(real_ca, certificate("one", f'enroll = {{ token-file = "{tmp_path}/token" }}'))
    everleafd.once().succeeded()
    assert everleafd.has_pair("one")


def test_what_is_missing_is_enrolled_by_token_command(daemon, real_ca, tmp_path):
    (tmp_path / "token").write_text(real_ca.token("myuser") + "\n")
    everleafd = daemon(real_ca, certificate("one", f'enroll = {{ token-command = ["cat", "{tmp_path}/token"] }}'))
    everleafd.once().succeeded()
    assert everleafd.has_pair("one")


def test_names_key_and_lifetime_are_as_configured(daemon, real_ca):
    everleafd = daemon(real_ca, certificate("one", 'names = ["a.test", "10.0.0.7"]', 'key = "ec-p384"', 'not-after = "2h"',
                                            by_password(real_ca)))
    everleafd.once().succeeded()
    leaf = load(everleafd.crt("one"))
    assert names_of(leaf) == ["10.0.0.7", "a.test"]
    assert leaf.public_key().curve.name == "secp384r1"
    assert leaf.not_valid_after - leaf.not_valid_before == Seconds(hours=2)


def test_a_live_directory_holds_four_files_that_belong_together(daemon, real_ca):
    everleafd = daemon(real_ca, certificate("one", by_password(real_ca)))
    everleafd.once().succeeded()
    live = everleafd.live / "one"
    files = {path.name: path.read_text() for path in live.iterdir()}
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in live.iterdir()}
    assert sorted(files) == LIVE_FILES
    assert files["tls.pem"] == files["tls.crt"] + files["tls.key"]
    assert files["ca.crt"] == real_ca.root.pem and len(load_all(live / "tls.crt")) == 2
    assert modes == {"ca.crt": 0o644, "tls.crt": 0o644, "tls.key": 0o600, "tls.pem": 0o600}
    assert [path.name for path in everleafd.live.iterdir()] == ["one"]


def test_given_files_are_written_where_they_are_wanted(daemon, real_ca, work):
    files = ", ".join(f'{key} = "{work}/{name}"' for key, name in
                      {"certificate": "client.crt", "key": "client.key", "root": "ca.crt", "combined": "both.pem"}.items())
    everleafd = daemon(real_ca, certificate("one", f"files = {{ {files} }}", by_password(real_ca)))
    everleafd.once().succeeded()
    assert sorted(contents(work)) == ["both.pem", "ca.crt", "client.crt", "client.key"]
    assert (work / "both.pem").read_text() == (work / "client.crt").read_text() + (work / "client.key").read_text()


def test_a_directory_that_is_missing_stays_missing(daemon, lying_ca, work):
    none = work / "none"
    everleafd = daemon(lying_ca, certificate("one", f'files = {{ certificate = "{none}/a.crt", key = "{none}/a.key" }}',
                                             by_password(lying_ca)))
    for _ in range(2):
        result = everleafd.once()
        assert result.status == 1 and f"make the directory {none} first" in result.stderr, str(result)
        assert contents(work) == {} and not lying_ca.asked("sign")
    none.mkdir()
    everleafd.once().succeeded()
    assert sorted(contents(none)) == ["a.crt", "a.key"]


def test_what_expired_before_it_was_delivered_is_not(daemon, lying_ca):
    """Staged, and then the machine was off."""
    everleafd = daemon(lying_ca, certificate("one", by_password(lying_ca)))
    everleafd.place("one", lying_ca.leaf(not_before=now() - 4 * DAY))
    everleafd.place(".one.next", lying_ca.leaf(not_before=now() - 2 * DAY))
    result = everleafd.once().succeeded()
    assert result.stderr.count("event=delivered") == result.stderr.count("event=obtained") == 1
    assert load(everleafd.crt("one")).not_valid_after > now()


def test_a_pair_that_is_there_is_adopted(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one", by_password(lying_ca)), root=True).place("one", lying_ca.leaf())
    before = contents(everleafd.live)
    everleafd.once().succeeded()
    assert contents(everleafd.live) == before
    assert lying_ca.asked("sign") == lying_ca.asked("renew") == lying_ca.asked("rekey") == []


def test_what_is_due_gets_a_new_key(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one")).place("one", due_pair(lying_ca))
    old_key = (everleafd.live / "one" / "tls.key").read_text()
    everleafd.once().succeeded()
    assert everleafd.has_pair("one") and (everleafd.live / "one" / "tls.key").read_text() != old_key
    assert len(lying_ca.asked("rekey")) == 1 and lying_ca.asked("renew") == []


def test_what_is_due_keeps_its_key_if_so_configured(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one", 'rekey = "never"')).place("one", due_pair(lying_ca))
    old = load(everleafd.crt("one"))
    everleafd.once().succeeded()
    assert everleafd.has_pair("one") and everleafd.serial("one") != old.serial_number
    assert public_bytes(load(everleafd.crt("one")).public_key()) == public_bytes(old.public_key())
    assert len(lying_ca.asked("renew")) == 1 and lying_ca.asked("rekey") == []


def test_a_second_once_finds_nothing_to_do(daemon, lying_ca, hook):
    everleafd = daemon(lying_ca, certificate("one", by_password(lying_ca), used_by=["p"]), proxy("p", hook.script))
    everleafd.once().succeeded()
    before, asked = contents(everleafd.live), len(lying_ca.asked("sign") + lying_ca.asked("rekey"))
    everleafd.once().succeeded()
    assert contents(everleafd.live) == before and hook.calls() == 1
    assert len(lying_ca.asked("sign") + lying_ca.asked("rekey")) == asked == 1


def test_an_expired_pair_is_renewed_by_token(daemon, lying_ca):
    expired = lying_ca.leaf(not_before=now() - 2 * DAY)
    everleafd = daemon(lying_ca, certificate("one")).place("one", expired)
    everleafd.once().succeeded()
    assert load(everleafd.crt("one")).not_valid_after > now()
    assert "authorization" in lying_ca.asked("renew")[0].headers


def test_once_fails_for_as_long_as_a_certificate_is_missing(daemon, lying_ca, tmp_path):
    everleafd = daemon(lying_ca, certificate("one", f'enroll = {{ token-file = "{tmp_path}/token" }}'))
    for _ in range(3):  # every one of them tries, whatever the others waited for
        result = everleafd.once()
        assert result.status == 1 and f"{tmp_path}/token" in result.stderr, str(result)
    (tmp_path / "token").write_text(lying_ca.token("myuser"))
    everleafd.once().succeeded()
    assert everleafd.has_pair("one")


def test_a_reload_of_the_configuration_tries_again_at_once(daemon, lying_ca, tmp_path):
    everleafd = daemon(lying_ca, certificate("one", f'enroll = {{ token-file = "{tmp_path}/token" }}')).start()
    everleafd.wait_for_log("event=failed")
    (tmp_path / "token").write_text(lying_ca.token("myuser"))
    everleafd.process.send_signal(signal.SIGHUP)
    everleafd.wait(lambda: everleafd.has_pair("one"), seconds=15)
    everleafd.terminate()


def test_a_name_that_is_added_is_asked_for(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one", by_password(lying_ca)))
    everleafd.once().succeeded()
    everleafd.configure(certificate("one", by_password(lying_ca), 'names = ["myuser", "more.test"]'))
    everleafd.once().succeeded()
    assert sorted(names_of(load(everleafd.crt("one")))) == ["more.test", "myuser"]


def test_a_backup_that_the_operator_restored_stays(daemon, lying_ca, hook):
    everleafd = daemon(lying_ca, proxy("nginx", hook.script), certificate("one", by_password(lying_ca), used_by=["nginx"]))
    backup = lying_ca.leaf(not_before=now() - DAY / 10)
    everleafd.place("one", lying_ca.leaf(not_before=now() - 0.75 * DAY))
    hook.fail()
    assert everleafd.once().status == 1  # delivered, and owed
    backup.save(everleafd.crt("one"), everleafd.live / "one" / "tls.key")
    everleafd.once()
    assert everleafd.serial("one") == load(everleafd.crt("one")).serial_number == backup.certificate.serial_number


def test_foreign_bytes_that_are_no_utf8_do_not_end_it(daemon, lying_ca, tmp_path):
    everleafd = daemon(lying_ca, certificate("one", f'enroll = {{ token-command = ["sh", "-c", "printf \'\\\\340\\\\200\\\\200\' >&2; exit 1"] }}'))
    for _ in range(2):
        result = everleafd.once()
        assert result.status == 1 and "event=failed" in result.stderr and "\\xe0" in result.stderr, str(result)


def test_the_state_directory_may_be_lost(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one", by_password(lying_ca))).start()
    everleafd.wait(lambda: everleafd.has_pair("one"))
    everleafd.wait_for_log("event=waiting")  # it writes nothing more
    shutil.rmtree(everleafd.state)
    everleafd.configure(certificate("one", by_password(lying_ca), 'names = ["myuser", "more.test"]'))
    everleafd.process.send_signal(signal.SIGHUP)
    everleafd.wait(lambda: "more.test" in names_of(load(everleafd.crt("one"))))
    everleafd.terminate()


def test_certificates_of_seconds_stay_fresh(daemon, real_ca):
    everleafd = daemon(real_ca, certificate("one", 'not-after = "6s"', by_password(real_ca))).start()
    seen = set()

    def fresh_again():
        if everleafd.crt("one").exists():
            leaf = load(everleafd.crt("one"))
            assert leaf.not_valid_after > now() - Seconds(seconds=1), "it went stale"
            seen.add(leaf.serial_number)
        return len(seen) >= 4

    everleafd.wait(fresh_again, 30, "three renewals")
    everleafd.terminate()
    assert everleafd.has_pair("one")


def test_many_certificates_at_once(daemon, real_ca):
    names = [f"c{i}" for i in range(20)]
    blocks = [certificate(name, by_password(real_ca), subject=f"{name}.test") for name in names]
    everleafd = daemon(real_ca, *blocks).start()
    everleafd.wait(lambda: all(everleafd.has_pair(name) for name in names))
    everleafd.terminate()
    assert sorted(path.name for path in everleafd.live.iterdir()) == sorted(names)


class CountingCa(LyingCa):
    """Knows how many renewals it was at, at most. Two have to come together before any is answered."""
    there, most, moved = 0, 0, threading.Condition()

    def reply_renew(self, *request):
        with self.moved:
            self.there += 1
            self.most = max(self.most, self.there)
            self.moved.notify_all()
            assert self.moved.wait_for(lambda: self.most >= 2, 20)
        answer = super().reply_renew(*request)
        with self.moved:
            self.there -= 1
        return answer


def test_no_more_are_at_the_ca_than_configured(tmp_path):
    names = [f"c{i}" for i in range(30)]
    with CountingCa(tmp_path / "ca") as ca:
        everleafd = Daemon(tmp_path / "daemon", ca, *(certificate(name, 'rekey = "never"') for name in names), root=True)
        everleafd.write(everleafd.config.read_text().replace("[ca]", "[ca]\nat-a-time = 2"))
        old = {name: everleafd.place(name, ca.leaf(**DUE)).serial(name) for name in names}
        everleafd.start()
        everleafd.wait(lambda: all(everleafd.serial(name) != old[name] for name in names))
        everleafd.terminate()
    assert ca.most == 2


# Proxies

def test_two_certificates_due_together_are_one_reload(daemon, lying_ca, hook):
    everleafd = daemon(lying_ca, proxy("nginx", hook.script, "both"), *(
        certificate(name, used_by=["nginx"]) for name in ("one", "two")))
    old = {name: everleafd.place(name, due_pair(lying_ca)).serial(name) for name in ("one", "two")}
    everleafd.start()
    everleafd.wait(lambda: everleafd.log().count("event=adopted") == 2)
    everleafd.terminate()
    assert all(everleafd.serial(name) != old[name] for name in old)
    assert hook.calls_file.read_text() == "both\n"
    everleafd.once().succeeded()
    assert hook.calls() == 1


def test_a_proxy_that_does_not_use_a_certificate_is_left_alone(daemon, lying_ca, hook):
    everleafd = daemon(lying_ca, proxy("nginx", hook.script), certificate("one")).place("one", due_pair(lying_ca))
    everleafd.once().succeeded()
    assert hook.calls() == 0


def test_a_failing_reload_is_owed_until_it_succeeds(daemon, lying_ca, hook):
    hook.fail()
    everleafd = daemon(lying_ca, proxy("nginx", hook.script), certificate("one", used_by=["nginx"]))
    old = everleafd.place("one", due_pair(lying_ca)).serial("one")
    everleafd.start()
    everleafd.wait_for_log("event=proxy-broken")
    everleafd.kill()
    before = hook.calls()
    everleafd.start()
    everleafd.wait(lambda: hook.calls() > before, what="retried after a kill")
    everleafd.wait_for_log("no such luck")
    everleafd.terminate()
    hook.succeed()
    everleafd.start()
    everleafd.wait_for_log("event=adopted")
    everleafd.terminate()
    everleafd.once().succeeded()
    assert everleafd.serial("one") != old and len(lying_ca.asked("rekey")) == 1


def test_once_says_that_a_reload_failed(daemon, lying_ca, hook):
    hook.fail()
    everleafd = daemon(lying_ca, proxy("nginx", hook.script), certificate("one", used_by=["nginx"]))
    everleafd.place("one", due_pair(lying_ca))
    result = everleafd.once()
    assert result.status != 0 and "no such luck" in result.stderr, str(result)


def test_once_ends_with_what_was_taken_back_taken_up_by_all(daemon, lying_ca, hook, tmp_path):
    """The first proxy has taken up the new one when the second refuses it."""
    everleafd = daemon(lying_ca, hook.proxy("a"), certificate("one", used_by=["a", "b"]))
    everleafd.place("one", lying_ca.leaf(not_before=now() - 0.75 * DAY))
    old = everleafd.crt("one").read_text()
    (tmp_path / "old").write_text(old)
    refuses = proxy("b", "cmp", everleafd.crt("one"), tmp_path / "old")
    everleafd.configure(hook.proxy("a"), refuses, certificate("one", used_by=["a", "b"]))
    result = everleafd.once()
    assert result.status == 1 and "event=taken-back certificate=one proxy=b" in result.stderr, str(result)
    assert everleafd.crt("one").read_text() == old and hook.calls() == 2
    assert json.loads((everleafd.state / "proxy.a.json").read_text())["owed"] == []


@pytest.mark.parametrize("used_by", [["p"], None])
def test_one_that_ends_before_the_one_that_it_replaces_stays(daemon, lying_ca, hook, used_by):
    """Whoever runs the CA has shortened the lifetimes, and a name is added."""
    lying_ca.lifetime = DAY / 24
    hook.hang()
    everleafd = daemon(lying_ca, hook.proxy("p"),
                       certificate("one", 'names = ["myuser", "more"]', by_password(lying_ca), used_by=used_by))
    everleafd.place("one", lying_ca.leaf(not_before=now() - DAY / 10, lifetime=DAY)).start()
    everleafd.wait_for_log("event=delivered")
    everleafd.terminate()
    new = everleafd.serial("one")
    hook.succeed()
    everleafd.start()
    everleafd.wait(lambda: everleafd.log().count("event=waiting") == 2 and len(list(everleafd.live.iterdir())) == 1,
                   what="the one before is gone")
    everleafd.terminate()
    assert everleafd.serial("one") == new and names_of(load(everleafd.crt("one"))) == ["more", "myuser"]
    assert everleafd.log().count("event=delivered") == 1


def test_a_missing_hook_does_not_harm_the_certificate(daemon, lying_ca, tmp_path):
    everleafd = daemon(lying_ca, proxy("nginx", tmp_path / "missing"), certificate("one", used_by=["nginx"]))
    old = everleafd.place("one", due_pair(lying_ca)).serial("one")
    result = everleafd.once()
    assert result.status != 0 and f"{tmp_path}/missing" in result.stderr, str(result)
    assert everleafd.has_pair("one") and everleafd.serial("one") != old


def test_a_proxy_is_reloaded_by_signal(daemon, lying_ca, tmp_path):
    waits = ("import signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP}); print('ready', flush=True);"
             "print(signal.sigwait({signal.SIGHUP}), flush=True)")
    with subprocess.Popen([sys.executable, "-c", waits], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n"
            (tmp_path / "pid").write_text(f"{process.pid}\n")
            block = f'[proxy.p]\nreload = {{ signal = {{ pid-file = "{tmp_path}/pid", signal = "HUP" }} }}\n'
            everleafd = daemon(lying_ca, block, certificate("one", used_by=["p"])).place("one", due_pair(lying_ca))
            everleafd.once().succeeded()
            assert process.stdout.readline() == f"{signal.SIGHUP.value}\n"
        finally:
            process.kill()


# Signals

def test_a_new_configuration_is_taken(daemon, lying_ca):
    one = certificate("one", by_password(lying_ca))
    everleafd = daemon(lying_ca, one).start()
    everleafd.wait(lambda: everleafd.has_pair("one"))
    everleafd.configure(one, certificate("two", by_password(lying_ca), subject="two.test"))
    everleafd.reload()
    everleafd.wait(lambda: everleafd.has_pair("two"))
    everleafd.terminate()


def test_a_bad_configuration_is_refused_and_the_old_one_kept(daemon, tmp_path):
    with LyingCa(tmp_path / "ca", lifetime=Seconds(seconds=8)) as ca:
        one = certificate("one", by_password(ca))
        everleafd = daemon(ca, one).start()
        everleafd.wait(lambda: everleafd.has_pair("one"))
        everleafd.configure(certificate("one", 'subjekt = "myuser"', by_password(ca)), certificate("two", by_password(ca)))
        line = everleafd.config.read_text().splitlines().index('subjekt = "myuser"') + 1
        everleafd.reload()
        everleafd.wait_for_log(f"{everleafd.config}:{line}:1")
        assert "subjekt" in everleafd.log() and '"subject"' in everleafd.log().replace("\\", "")
        renewed = len(ca.asked("rekey"))
        ca.wait_for("rekey", renewed + 1)  # it still works
        everleafd.configure(one, certificate("two", by_password(ca)))
        everleafd.reload()
        everleafd.wait(lambda: everleafd.has_pair("two"))
        everleafd.terminate()


def stops_well(everleafd, before):
    everleafd.terminate()
    assert contents(everleafd.live) == before


def test_it_stops_when_idle(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one", by_password(lying_ca))).start()
    everleafd.wait(lambda: everleafd.has_pair("one"))
    stops_well(everleafd, contents(everleafd.live))


@pytest.mark.parametrize("kind", [signal.SIGTERM, signal.SIGINT], ids=lambda kind: kind.name)
def test_it_stops_while_the_ca_is_silent(daemon, lying_ca, kind):
    lying_ca.lies["rekey"] = LIES["is silent"]
    everleafd = daemon(lying_ca, certificate("one")).place("one", due_pair(lying_ca))
    before = contents(everleafd.live)
    everleafd.start()
    lying_ca.wait_for("rekey")
    everleafd.process.send_signal(kind)
    stops_well(everleafd, before)


def test_it_stops_while_a_hook_hangs_and_still_owes_the_reload(daemon, lying_ca, hook):
    hook.hang()
    everleafd = daemon(lying_ca, proxy("nginx", hook.script), certificate("one", used_by=["nginx"]))
    everleafd.place("one", due_pair(lying_ca)).start()
    everleafd.wait(hook.calls)
    stops_well(everleafd, contents(everleafd.live))
    hook.succeed()
    everleafd.once().succeeded()
    assert hook.calls() == 2


def test_it_stops_while_a_token_command_hangs(daemon, lying_ca, hook):
    hook.hang()
    everleafd = daemon(lying_ca, certificate("one", f'enroll = {{ token-command = ["{hook.script}"] }}')).start()
    everleafd.wait(hook.calls)
    everleafd.terminate()
    assert not everleafd.crt("one").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can listen at port 53 and mount a resolv.conf")
def test_it_stops_in_a_silent_name_look_up(daemon, lying_ca, tmp_path):
    everleafd = daemon(lying_ca, certificate("one")).place("one", due_pair(lying_ca))
    everleafd.write(everleafd.config.read_text().replace("https://127.0.0.1:", "https://ca.silent.test:"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nameserver:
        address = f"127.53.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
        nameserver.bind((address, 53))
        nameserver.settimeout(20)
        (tmp_path / "resolv.conf").write_text(f"nameserver {address}\n")
        mounted = f"mount --bind {tmp_path}/resolv.conf $(readlink -f /etc/resolv.conf) && exec \"$@\""
        before = contents(everleafd.live)
        everleafd.start("unshare", "--mount", "sh", "-c", mounted, "sh")
        assert b"silent" in nameserver.recv(512)
        stops_well(everleafd, before)


def test_a_second_daemon_on_the_same_state_is_refused(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one", by_password(lying_ca))).start()
    everleafd.wait(lambda: everleafd.has_pair("one"))
    second = everleafd("--config", everleafd.config)
    assert second.status != 0 and str(everleafd.base) in second.stderr, str(second)
    once = everleafd.once()
    assert once.status != 0, str(once)
    assert everleafd.process.poll() is None
    everleafd.terminate()


# What somebody damaged

@pytest.fixture
def enrolled(daemon, lying_ca, hook):
    """enrolled(*keys) has a certificate "one", taken up by a proxy."""
    def start(*keys, **variables):
        everleafd = daemon(lying_ca, hook.proxy("nginx"), certificate("one", by_password(lying_ca), *keys, used_by=["nginx"]))
        everleafd.once().succeeded()
        assert hook.calls() == 1
        return everleafd
    return start


def make_due(everleafd, lying_ca):
    """Its pair, not what lies beside it; and nobody knows that it was renewed just now."""
    lying_ca.leaf(**DUE).save(everleafd.crt("one"), everleafd.live / "one" / "tls.key")
    (everleafd.state / "certificate.one.json").unlink()


def is_combined(live):
    return (live / "tls.pem").read_text() == (live / "tls.crt").read_text() + (live / "tls.key").read_text()


def planned(everleaf, everleafd):
    [plan] = json.loads(everleaf("plan", "--config", everleafd.config, "--json").succeeded().stdout)["certificates"]
    return plan["now"]


def damages(live, kind):
    if kind == "mode":
        (live / "tls.key").chmod(0o644)
    elif kind.startswith("no "):
        (live / kind.removeprefix("no ")).unlink()
    else:
        (live / "tls.pem").unlink()
        (live / "tls.pem").write_text((live / "tls.crt").read_text())


@pytest.mark.parametrize("kind", ["mode", "tls.pem", "no ca.crt", "no tls.key", "no tls.crt"])
def test_what_somebody_damaged_is_put_right_without_the_ca(enrolled, lying_ca, hook, everleaf, kind):
    everleafd = enrolled().start()
    everleafd.wait_for_log("event=waiting")
    live = everleafd.live / "one"
    before, modes = contents(live), {path.name: path.stat().st_mode for path in live.iterdir()}
    damages(live, kind)
    assert planned(everleaf, everleafd) == "repair"
    everleafd.reload()
    everleafd.wait_for_log("event=adopted")
    assert contents(live) == before and {path.name: path.stat().st_mode for path in live.iterdir()} == modes
    assert hook.calls() == 2 and len(lying_ca.asked("sign")) == 1
    assert "event=damaged certificate=one" in everleafd.log()
    everleafd.wait(lambda: not (everleafd.live / ".one.next").exists())
    everleafd.terminate()
    everleafd.once().succeeded()
    assert hook.calls() == 2


@pytest.mark.parametrize("given", [False, True], ids=["live", "files"])
def test_half_a_pair_is_put_back_while_its_proxy_owes(enrolled, lying_ca, hook, everleaf, work, given):
    files = ", ".join(f'{key} = "{work}/{name}"' for key, name in
                      {"certificate": "client.crt", "key": "client.key", "combined": "both.pem"}.items())
    everleafd = enrolled(*([f"files = {{ {files} }}"] if given else []))
    key = work / "client.key" if given else everleafd.live / "one" / "tls.key"
    hook.fail()
    everleafd.start()
    everleafd.wait_for_log("event=waiting")
    assert everleaf("renew", "one", "--config", everleafd.config).status == 1
    everleafd.wait_for_log("event=proxy-broken")
    everleafd.terminate()  # it looks at them all when a proxy does not reload, and would mend this at once
    key.unlink()
    assert everleafd.owed("nginx") and planned(everleaf, everleafd) == "repair"
    hook.order.write_text(f"test -e {key}")
    everleafd.start()
    everleafd.wait(lambda: key.exists() and everleafd.owed("nginx") == [])
    assert pair_matches(work / "client.crt" if given else everleafd.crt("one"), key)
    everleafd.terminate()


def test_since_when_a_proxy_owes_outlasts_newer_certificates(enrolled, hook, everleaf):
    everleafd = enrolled()
    hook.fail()
    everleafd.start()
    everleafd.wait_for_log("event=waiting")
    owed = []
    for _ in range(2):
        assert everleaf("renew", "one", "--config", everleafd.config).status == 1
        owed += everleafd.owed("nginx")
    assert len({one["leaf"] for one in owed}) == 2 and len({one["since"] for one in owed}) == 1
    hook.succeed()
    everleaf("renew", "one", "--config", everleafd.config).succeeded()  # what failed before was about another one
    assert everleafd.owed("nginx") == []
    everleafd.terminate()


def test_damage_within_the_hour_is_put_right_when_somebody_asks_for_it(enrolled):
    everleafd = enrolled().start()
    everleafd.wait_for_log("event=waiting")
    for times in (1, 2):
        (everleafd.live / "one" / "ca.crt").unlink()
        everleafd.reload()
        everleafd.wait(lambda: everleafd.log().count("event=damaged") == times)
        everleafd.wait(lambda: everleafd.log().count("event=adopted") == times)
    everleafd.terminate()


def test_a_file_that_is_missing_is_put_back_when_the_reload_fails_for_it(enrolled, lying_ca, hook, everleaf):
    """The pair of another certificate than the one that was delivered."""
    everleafd = enrolled()
    two = certificate("two", by_password(lying_ca), used_by=["nginx"])
    everleafd.write(everleafd.config.read_text() + two)
    key = everleafd.live / "one" / "tls.key"
    hook.order.write_text(f"test -e {key}")
    everleafd.start()
    everleafd.wait(lambda: everleafd.log().count("event=adopted certificate=two") == 1)
    key.unlink()
    everleaf("renew", "two", "--config", everleafd.config)
    everleafd.wait(lambda: key.exists() and everleafd.owed("nginx") == [])
    everleafd.terminate()


def test_what_is_damaged_is_put_right_while_the_ca_fails(enrolled, lying_ca):
    everleafd = enrolled()
    live = everleafd.live / "one"
    make_due(everleafd, lying_ca)
    lying_ca.lies["rekey"] = LIES["says a text"]
    everleafd.start()
    everleafd.wait_for_log("event=damaged")
    everleafd.wait(lambda: is_combined(live))
    everleafd.terminate()
    assert len(lying_ca.asked("rekey")) == 1


@pytest.mark.parametrize("damage", ["missing", "nonsense"])
def test_a_combined_file_that_was_given_is_put_right_too(enrolled, hook, work, damage):
    files = ", ".join(f'{key} = "{work}/{name}"' for key, name in
                      {"certificate": "client.crt", "key": "client.key", "combined": "both.pem"}.items())
    everleafd = enrolled(f"files = {{ {files} }}")
    before = contents(work)
    (work / "both.pem").unlink() if damage == "missing" else (work / "both.pem").write_text(damage)
    assert "event=damaged" in everleafd.once().succeeded().stderr
    assert contents(work) == before
    (work / "client.key").chmod(0o644)
    everleafd.once().succeeded()
    assert stat.S_IMODE((work / "client.key").stat().st_mode) == 0o644 and hook.calls() == 2


def test_a_reload_that_damages_it_is_not_repeated_for_ever(enrolled, hook, everleaf):
    everleafd = enrolled()
    key = everleafd.live / "one" / "tls.key"
    hook.order.write_text(f"chmod 0644 {key}")
    key.chmod(0o644)
    result = everleafd.once()
    assert result.status == 1 and "tls.key has mode 0644, not 0600, again within an hour" in result.stderr, str(result)
    assert hook.calls() == 2 and everleafd.owed("nginx") == []
    assert planned(everleaf, everleafd) == "wait"
    assert everleafd.once().status == 1 and hook.calls() == 2


def test_what_a_reload_damages_is_taken_up_before_once_ends(enrolled, lying_ca, hook):
    everleafd = enrolled()
    make_due(everleafd, lying_ca)
    key = everleafd.live / "one" / "tls.key"
    hook.order.write_text(f"[ $(wc -l <{hook.calls_file}) -gt 2 ] || chmod 0644 {key}")
    everleafd.once()
    assert everleafd.owed("nginx") == [] and hook.calls() == 3


def test_once_puts_right_what_it_cannot_renew(enrolled, lying_ca):
    everleafd = enrolled()
    live = everleafd.live / "one"
    make_due(everleafd, lying_ca)
    lying_ca.lies["rekey"] = LIES["says a text"]
    result = everleafd.once()
    assert result.status == 1 and "event=failed" in result.stderr and "event=delivered" in result.stderr, str(result)
    assert is_combined(live)


def test_while_a_proxy_owes_nothing_is_put_right(enrolled, lying_ca, hook, everleaf):
    """What was live before has to be there to be taken back."""
    everleafd = enrolled()
    make_due(everleafd, lying_ca)
    hook.fail()
    everleafd.once()
    damages(everleafd.live / "one", "mode")
    assert planned(everleaf, everleafd) == "wait" and "event=damaged" not in everleafd.once().stderr


def test_damage_makes_no_failure_come_sooner(enrolled, everleaf):
    everleafd = enrolled()
    (everleafd.state / "proxy.nginx.json").unlink()
    (everleafd.state / "proxy.nginx.json").symlink_to("proxy.nginx.json")
    damages(everleafd.live / "one", "mode")
    everleafd.start()
    everleafd.wait_for_log("event=failed")
    everleafd.wait_for_log("event=reload-failed")
    for _ in range(10):
        everleaf("status", "--config", everleafd.config)
    log = everleafd.log()  # it is looked at when its proxy has failed, too
    assert log.count("event=failed") <= 1 + log.count("event=reload-failed") == 2, log
    everleafd.terminate()


def test_a_renewal_that_is_asked_for_mends_as_well(enrolled, hook, everleaf):
    everleafd = enrolled().start()
    everleafd.wait_for_log("event=waiting")
    damages(everleafd.live / "one", "tls.pem")
    everleaf("renew", "one", "--config", everleafd.config).succeeded()
    assert hook.calls() == 2
    everleafd.terminate()


def test_an_expired_pair_is_not_delivered_once_more(enrolled, lying_ca, everleaf):
    everleafd = enrolled()
    live = everleafd.live / "one"
    lying_ca.leaf(not_before=now() - 2 * DAY).save(live / "tls.crt", live / "tls.key")
    (live / "ca.crt").write_text("others")
    (everleafd.state / "certificate.one.json").unlink()  # that it was renewed just now
    everleafd.once().succeeded()
    assert load(everleafd.crt("one")).not_valid_after > now() and everleafd.has_pair("one")


@pytest.fixture
def without_modes(tmp_path):
    """Has a program see a file system that keeps no modes: everybody may read what it makes."""
    source, library = tmp_path / "modes.c", tmp_path / "modes.so"
    source.write_text("""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/stat.h>
int fstatat(int directory, const char *name, struct stat *status, int flags) {
  int result = ((int (*)(int, const char *, struct stat *, int))dlsym(RTLD_NEXT, "fstatat"))(directory, name, status, flags);
  if (result == 0 && S_ISREG(status->st_mode)) status->st_mode |= 0755;
  return result;
}
""")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    return {"LD_PRELOAD": str(library)}


@pytest.mark.skipif(SANITIZED, reason="sanitizers and LD_PRELOAD do not go together")
def test_where_no_modes_are_kept_that_is_said_and_nothing_delivered_again(enrolled, lying_ca, hook, without_modes):
    everleafd = enrolled()
    for _ in range(2):
        result = everleafd.once(**without_modes)
        assert result.status == 1 and "tls.key has mode 0755, not 0600, and its file system keeps no other" in result.stderr, str(result)
    assert hook.calls() == 1 and not (everleafd.live / ".one.next").exists()
    make_due(everleafd, lying_ca)
    everleafd.once(**without_modes)
    assert load(everleafd.crt("one")).not_valid_before > now() - DAY / 10
