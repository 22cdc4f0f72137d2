# SPDX-License-Identifier: Apache-2.0
"""What a bad configuration gets: each problem with its file, line, column and the nearest known key, all at once."""
import pytest

from daemon import certificate

# What is wrong, the block that has it, at which of its lines and columns, and what must be said.
PROBLEMS = {
    "an unknown key": (certificate("one", "subjekt = 'x'"), 3, 1, ["subjekt", '"subject"']),
    "an unknown table": ("[certifcate.one]\nsubject = 'x'\n", 1, None, ["certifcate", '"certificate"']),
    "an unknown key of an inline table": (certificate("one", "enroll = { token-fiel = '/t' }"), 3, None,
                                          ["token-fiel", '"token-file"']),
    "a number for a text": (certificate("one", "key = 256"), 3, 7, ["key"]),
    "a text for a list": (certificate("one", "names = 'x'"), 3, 9, ["names"]),
    "a list of numbers": (certificate("one", "names = [1, 2]"), 3, 9, ["names"]),
    "a text for a table": (certificate("one", "enroll = 'password'"), 3, 10, ["enroll"]),
    "a duration without unit": (certificate("one", "survive = '10'"), 3, 11, ["survive", "unit"]),
    "a bare number for a duration": (certificate("one", "survive = 10"), 3, 11, ["survive", "unit"]),
    "an unknown unit": (certificate("one", "survive = '10 parsecs'"), 3, 11, ["survive", "unit"]),
    "a rekey rule without unit": (certificate("one", "rekey = '30'"), 3, 9, ["rekey", "unit"]),
    "a lifetime without unit": (certificate("one", "not-after = '24'"), 3, 13, ["not-after", "unit"]),
    "survive over half of the lifetime": (certificate("one", "not-after = '24h'", "survive = '13h'"), 4, 11,
                                          ["survive", "half"]),
    "an unknown kind of key": (certificate("one", "key = 'ec-p257'"), 3, 7, ["ec-p257", "ec-p256"]),
    "no subject": ("[certificate.one]\nnames = ['x']\n", 1, 1, ["subject"]),
    "an unknown proxy": ("[proxy.nginx]\nreload = 'none'\n" + certificate("one", used_by=["ngixn"]), 5, 11,
                         ["ngixn", '"nginx"']),
    "a proxy without reload": ("[proxy.p]\n", 1, 1, ["reload"]),
    "an unknown signal": ("[proxy.p]\nreload = { signal = { pid-file = '/p', signal = 'HUB' } }\n", 2, None, ["HUB"]),
    "a unit that is no service": ("[proxy.p]\nreload = { systemd = 'nginx' }\n", 2, None, ["nginx", "nginx.service"]),
    "a unit and a program": ("[proxy.p]\nreload = { systemd = 'a.service', exec = ['x'] }\n", 2, None, ["systemd", "exec"]),
    "no way to reload": ("[proxy.p]\nreload = { time-limit = '1s' }\n", 2, None, ["systemd", "signal", "exec"]),
    "two ways to reload": ("[proxy.p]\nreload = { exec = ['x'], signal = { pid-file = '/p' } }\n", 2, None, ["exec", "signal"]),
    "two ways to enroll": (certificate("one", "enroll = { token-file = '/t', token-command = ['c'] }"), 3, None,
                           ["token-file", "token-command"]),
    "a relative path": (certificate("one", "enroll = { token-file = 'token' }"), 3, None, ["token-file", "absolute"]),
    "one path in two certificates": (
        certificate("one", "files = { certificate = '/x/c', key = '/x/k' }") +
        certificate("two", "files = { certificate = '/x/./c', key = '/x/k2' }"), 6, None, ["/x/./c", "one"]),
    "one path twice in a certificate": (certificate("one", "files = { certificate = '/x/c', key = '/x/c' }"), 3, None, ["/x/c"]),
    "a certificate twice": (certificate("one") + certificate("one"), 3, None, ["one"]),
    "a bad name": ("[certificate.'../etc']\nsubject = 'x'\n", 1, None, ["../etc"]),
    "a name that begins with a dash": ("[certificate.-x]\nsubject = 'x'\n", 1, None, ["-x"]),
    "too long a name": (f"[certificate.{'x' * 65}]\nsubject = 'x'\n", 1, None, ["xxxxx"]),
    "no TOML": ("[certificate.one\n", 1, None, []),
    "text that is not UTF-8": ("x = '\udcff'\n", 1, None, []),
}


@pytest.mark.parametrize("kind", PROBLEMS)
def test_a_problem_is_named_with_its_place(daemon, lying_ca, kind):
    block, line, column, words = PROBLEMS[kind]
    everleafd = daemon(lying_ca)
    line += everleafd.config.read_text().count("\n")
    everleafd.config.write_bytes((everleafd.config.read_text() + block).encode(errors="surrogateescape"))
    result = everleafd("--config", everleafd.config, "--check")
    assert result.status == 1, str(result)
    assert f"{everleafd.config}:{line}:{column if column else ''}" in result.stderr, str(result)
    for word in words:
        assert word in result.stderr, f"{word!r} is not said by {result}"
    assert lying_ca.requests == [] and list(everleafd.base.iterdir()) == []


@pytest.mark.parametrize("mode", [[], ["--once"]], ids=["daemon", "once"])
def test_no_daemon_starts_with_a_problem(daemon, lying_ca, mode):
    everleafd = daemon(lying_ca, certificate("one", "subjekt = 'x'"))
    everleafd("--config", everleafd.config, *mode).failed(everleafd.config, "subjekt", "subject")
    assert lying_ca.requests == [] and list(everleafd.base.iterdir()) == []


def test_all_problems_are_named_at_once(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one", "subjekt = 'x'", "survive = '10'"), certificate("two", "key = 'dsa'"),
                       "[proxy.p]\n")
    (everleafd.directory / "conf.d").mkdir()
    (everleafd.directory / "conf.d" / "more.toml").write_text("[certificate.three]\nsubject = 7\n")
    result = everleafd("--config", everleafd.config, "--check")
    assert result.status == 1
    for word in ("subjekt", "survive", "dsa", "reload", "conf.d/more.toml:2:11"):
        assert word in result.stderr, f"{word!r} is not said by {result}"


def test_a_good_configuration_passes_the_check(daemon, real_ca):
    everleafd = daemon(real_ca, certificate("one"))
    everleafd("--config", everleafd.config, "--check").succeeded()
    assert list(everleafd.base.iterdir()) == []


def test_conf_d_is_read_in_order_after_the_main_file(daemon, real_ca, tmp_path):
    everleafd = daemon(real_ca)
    (everleafd.directory / "conf.d").mkdir()
    enroll = f"enroll = {{ provisioner = 'admin', password-file = '{real_ca.password_file()}' }}"
    (everleafd.directory / "conf.d" / "one.toml").write_text(certificate("one", enroll))
    (everleafd.directory / "conf.d" / "ignored.txt").write_text("nonsense")
    everleafd.once().succeeded()
    assert everleafd.has_pair("one")


def test_a_missing_configuration_is_named(daemon, lying_ca):
    everleafd = daemon(lying_ca)
    missing = everleafd.directory / "missing.toml"
    everleafd("--config", missing).failed(missing)
    result = everleafd("--config", missing, "--check")
    assert result.status == 1 and str(missing) in result.stderr, str(result)


def test_a_configuration_that_others_may_write_is_refused(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one"))
    everleafd.config.chmod(0o666)
    everleafd("--config", everleafd.config).failed(everleafd.config, "write")


@pytest.mark.parametrize("wrong, words", [
    ("http://127.0.0.1:1", ["http://127.0.0.1:1"]),
    ("", ["url"]),
    ("https://user:secret@127.0.0.1", ["url"]),
])
def test_a_bad_url(daemon, lying_ca, wrong, words):
    everleafd = daemon(lying_ca, certificate("one"))
    everleafd.write(everleafd.config.read_text().replace(lying_ca.url, wrong))
    result = everleafd("--config", everleafd.config, "--check")
    assert result.status == 1 and f"{everleafd.config}:2:" in result.stderr, str(result)
    for word in words:
        assert word in result.stderr, str(result)
    assert "secret" not in result.stderr.replace("user:secret", "")


def test_a_bad_fingerprint(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one"))
    everleafd.write(everleafd.config.read_text().replace(lying_ca.fingerprint, "abc"))
    result = everleafd("--config", everleafd.config, "--check")
    assert result.status == 1 and f"{everleafd.config}:3:" in result.stderr and "fingerprint" in result.stderr, str(result)


def test_a_missing_ca(daemon, lying_ca):
    everleafd = daemon(lying_ca)
    everleafd.write(certificate("one"))
    result = everleafd("--config", everleafd.config, "--check")
    assert result.status == 1 and "[ca]" in result.stderr, str(result)


def test_a_missing_root_file(daemon, lying_ca):
    everleafd = daemon(lying_ca, certificate("one"), root=True)
    everleafd.write(everleafd.config.read_text().replace("root.crt", "missing.crt"))
    result = everleafd("--config", everleafd.config, "--check")
    assert result.status == 1 and "missing.crt" in result.stderr, str(result)


@pytest.mark.parametrize("arguments", [["--zzz"], ["more"], ["--config"]], ids=" ".join)
def test_wrong_arguments_are_refused(daemon, lying_ca, arguments):
    daemon(lying_ca)(*arguments).failed(arguments[0])


def test_help_and_version(daemon, lying_ca):
    everleafd = daemon(lying_ca)
    assert "--once" in everleafd("--help").succeeded().stdout
    assert everleafd("--version").succeeded().stdout.startswith("everleafd ")
