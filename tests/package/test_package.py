# SPDX-License-Identifier: Apache-2.0
"""The Debian package: what is in it, and what it does to a system on install, upgrade, remove and purge."""
import re
import subprocess

import pytest

from host import ENROLL, Host
from program import REPOSITORY

VERSION = re.search(r"project\(everleaf VERSION (\S+)", (REPOSITORY / "CMakeLists.txt").read_text())[1]


def output(*command, **options):
    ended = subprocess.run(list(map(str, command)), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def field(package, name):
    return output("dpkg-deb", "--field", package, name).strip()


def test_control(package):
    assert field(package, "Version") == VERSION
    needed = re.findall(r"[a-z0-9+.-]+(?= |,|$)", field(package, "Depends"))
    assert {"libc6", "libcurl4", "libssl3", "libsystemd0"} == set(needed)  # no second C++ runtime: docs/decisions/0006
    assert int(field(package, "Installed-Size")) < 20_000  # kB


def test_contents(package):
    listed = {}
    for line in output("dpkg-deb", "--contents", package).splitlines():
        mode, owner, _, _, _, path = line.split(maxsplit=5)
        assert owner == "root/root", line
        assert mode in ("drwxr-xr-x", "-rwxr-xr-x", "-rw-r--r--"), line
        listed[path.removeprefix(".")] = mode
    for path in ("/usr/bin/everleaf", "/usr/bin/everleafd"):
        assert listed[path] == "-rwxr-xr-x"
    for path in ("/usr/share/man/man1/everleaf.1.gz", "/usr/share/man/man5/everleaf.toml.5.gz",
                 "/usr/share/man/man8/everleafd.8.gz", "/usr/share/bash-completion/completions/everleaf",
                 "/usr/share/zsh/vendor-completions/_everleaf", "/usr/share/fish/vendor_completions.d/everleaf.fish",
                 "/usr/lib/systemd/system/everleafd.service", "/usr/lib/sysusers.d/everleaf.conf",
                 "/usr/share/doc/everleaf/copyright", "/usr/share/doc/everleaf/changelog.gz", "/usr/share/doc/everleaf/nginx.md"):
        assert listed[path] == "-rw-r--r--"
    in_etc = [path for path, mode in listed.items() if path.startswith("/etc/") and mode.startswith("-")]
    assert in_etc == output("dpkg-deb", "--info", package, "conffiles").split()
    assert not [path for path in listed if path.startswith(("/var", "/run"))]


def test_links_in_the_pages_lead_to_other_pages(prefix):
    pages = list((prefix / "share" / "doc" / "everleaf").glob("*.md"))
    links = [(page.name, link) for page in pages for link in re.findall(r"\]\(([^)#:]+)[^):]*\)", page.read_text())]
    assert links and [(page, link) for page, link in links if not (pages[0].parent / link).exists()] == []


@pytest.fixture
def newer(package, tmp_path):
    """The same package, but of the next version."""
    output("dpkg-deb", "--raw-extract", package, tmp_path / "content")
    control = tmp_path / "content" / "DEBIAN" / "control"
    control.write_text(control.read_text().replace(f"Version: {VERSION}", f"Version: {VERSION}+1"))
    output("dpkg-deb", "--build", "-Znone", tmp_path / "content", tmp_path / "newer.deb")
    return tmp_path / "newer.deb"


@pytest.fixture
def host(tmp_path, real_ca, package, newer):
    """A machine under systemd with both packages in /root, and none installed."""
    box = Host(tmp_path / "box", real_ca)
    try:
        box.start().write({"/root/first.deb": package.read_bytes(), "/root/second.deb": newer.read_bytes()})
        box.shell("rm -f /usr/sbin/policy-rc.d; ln -sf true /usr/bin/mandb")
        yield box
    finally:
        box.stop()


CONFIGURATION = f"""
[ca]
url = "https://127.0.0.1:1"
fingerprint = "{'0' * 64}"
"""
KEY = "/var/lib/everleaf/live/upstream/tls.key"


def states(host, unit="everleafd.service"):
    return host.show(unit, "UnitFileState"), host.show(unit, "ActiveState")


def test_install_upgrade_remove_purge(host):
    host.run("dpkg", "--install", "/root/first.deb")
    assert host.run("everleaf", "version").startswith(f"everleaf CLI/{VERSION} ")
    assert host.shell("stat -c '%U %a' /var/lib/everleaf/state") == "everleaf 700\n"
    assert states(host) == states(host, "everleaf-renew.timer") == ("disabled", "inactive")

    host.run("dpkg", "--install", "/root/second.deb")
    assert states(host) == ("disabled", "inactive")

    host.write({"/etc/everleaf/everleaf.toml": CONFIGURATION, KEY: "key"})
    host.run("systemctl", "enable", "--now", "everleafd.service")
    before = host.show("everleafd.service", "MainPID")
    host.run("dpkg", "--install", "/root/first.deb")
    assert states(host) == ("enabled", "active") and host.show("everleafd.service", "MainPID") != before
    assert host.read(KEY) == "key"

    host.run("dpkg", "--remove", "everleaf")
    assert host.show("everleafd.service", "ActiveState") == "inactive"
    assert host.read(KEY) == "key" and host.read("/etc/everleaf/everleaf.toml") == CONFIGURATION

    host.run("dpkg", "--install", "/root/first.deb")
    assert states(host) == ("enabled", "inactive")

    assert "stay in /var/lib/everleaf" in host.try_run("dpkg", "--purge", "everleaf").stderr
    assert host.read(KEY) == "key" and host.read("/etc/everleaf/everleaf.toml") == CONFIGURATION
    host.run("dpkg", "--install", "/root/first.deb")
    assert states(host) == ("disabled", "inactive")


def test_it_keeps_nginx_fresh_and_an_upgrade_forgets_nothing(host):
    host.run("dpkg", "--install", "/root/first.deb")
    host.give_token("everleafd")
    host.configure(ENROLL).run("systemctl", "enable", "--now", "everleafd")
    host.wait_for_event("not-running")
    host.start_nginx().drop_in("nginx", "broken", "ExecReload=", "ExecReload=/bin/false")
    first = host.served()
    host.place(host.pair()).run("rm", "/var/lib/everleaf/state/certificate.upstream.json")  # it has just had a new one
    host.run("systemctl", "reload", "everleafd")
    host.wait_for_event("reload-failed")
    assert host.serial() not in (None, first) and host.owed()
    host.run("dpkg", "--install", "/root/second.deb")
    host.wait_for_event("reload-failed", 2)
    assert host.served() == first and host.owed()
    host.run("rm", "/etc/systemd/system/nginx.service.d/broken.conf")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "reload", "everleafd")
    host.wait_for_event("adopted")
    assert host.serves_what_is_live() and host.served() != first and host.owed() == []


def test_purge_removes_the_state_when_asked(host):
    host.run("dpkg", "--install", "/root/first.deb")
    host.write({KEY: "key", "/etc/everleaf/purge-state": ""})
    host.run("dpkg", "--purge", "everleaf")
    host.shell("test ! -e /var/lib/everleaf; test ! -e /etc/everleaf")
