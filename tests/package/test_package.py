# SPDX-License-Identifier: Apache-2.0
"""The Debian package: what is in it, and what it does to a system on install, upgrade, remove and purge."""
import os
import re
import subprocess

import pytest

from program import REPOSITORY

VERSION = re.search(r"project\(everleaf VERSION (\S+)", (REPOSITORY / "CMakeLists.txt").read_text())[1]


def output(*command, **options):
    ended = subprocess.run(list(map(str, command)), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **options)
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def field(package, name):
    return output("dpkg-deb", "--field", package, name).strip()


def dpkg_file(package, name):
    return output("dpkg-deb", "--info", package, name)


def test_control(package):
    assert field(package, "Version") == VERSION
    needed = re.findall(r"[a-z0-9+.-]+(?= |,|$)", field(package, "Depends"))
    assert {"libc6", "libcurl4", "libssl3", "libstdc++6"} <= set(needed)
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
                 "/usr/share/doc/everleaf/copyright", "/usr/share/doc/everleaf/changelog.gz"):
        assert listed[path] == "-rw-r--r--"
    in_etc = [path for path, mode in listed.items() if path.startswith("/etc/") and mode.startswith("-")]
    assert in_etc == dpkg_file(package, "conffiles").split()
    assert not [path for path in listed if path.startswith(("/var", "/run"))]


class Copy:
    """A writable copy of this system that vanishes, with all its mounts, when its first process ends."""

    SETUP = """
        mount -t tmpfs tmpfs "$1"
        mkdir "$1/upper" "$1/work" "$1/root"
        mount -t overlay overlay -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
        mount --rbind /dev "$1/root/dev"
        mount --rbind /proc "$1/root/proc"
        mount -t tmpfs tmpfs "$1/root/run"
        mount -t tmpfs tmpfs "$1/root/tmp"
        mkdir -p "$1/root/run/systemd/system"
        echo ready; exec cat"""

    def __init__(self, directory):
        self.root = directory / "root"
        self.holder = subprocess.Popen(["unshare", "--mount", "sh", "-ec", self.SETUP, "sh", directory],
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if self.holder.stdout.readline() != "ready\n":
            pytest.skip(f"no overlay of this system: {self.holder.stderr.read()}")

    def __call__(self, *command, **options):
        return output("nsenter", f"--mount=/proc/{self.holder.pid}/ns/mnt", "chroot", self.root, *command,
                      env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"},
                      **options)

    def sh(self, script):
        return self("sh", "-ec", script)

    def add(self, file):
        self("sh", "-c", 'cat >"$1"', "sh", f"/tmp/{file.name}", stdin=file.open())
        return f"/tmp/{file.name}"

    def calls(self):
        """What was asked of systemd since the last time."""
        return self.sh("cat /tmp/calls 2>/dev/null; rm -f /tmp/calls").splitlines()

    def close(self):
        self.holder.communicate()


@pytest.fixture
def system(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only root can copy the system")
    (tmp_path / "copy").mkdir()
    copy = Copy(tmp_path / "copy")
    copy.sh("""
        rm -f /usr/sbin/policy-rc.d
        ln -sf true /usr/bin/mandb
        for name in systemctl deb-systemd-invoke; do
          printf '#!/bin/sh\\necho "%s $*" >>/tmp/calls\\n' $name >/usr/bin/$name
          chmod 755 /usr/bin/$name
        done""")
    yield copy
    copy.close()


@pytest.fixture
def newer(package, tmp_path):
    """The same package, but of the next version."""
    output("dpkg-deb", "--raw-extract", package, tmp_path / "content")
    control = tmp_path / "content" / "DEBIAN" / "control"
    control.write_text(control.read_text().replace(f"Version: {VERSION}", f"Version: {VERSION}+1"))
    output("dpkg-deb", "--build", "-Znone", tmp_path / "content", tmp_path / "newer.deb")
    return tmp_path / "newer.deb"


def test_install_upgrade_remove_purge(system, package, newer):
    first, second = system.add(package), system.add(newer)

    system("dpkg", "--install", first)
    assert system("everleaf", "version") == f"everleaf {VERSION}\n"
    assert not [call for call in system.calls() if re.search(r"\b(start|restart|enable|try-restart)\b", call)]

    assert system.sh("stat -c '%U %a' /var/lib/everleaf/state") == "everleaf 700\n"
    system.sh("""
        mkdir -p /var/lib/everleaf/live/upstream
        echo key >/var/lib/everleaf/live/upstream/tls.key
        echo mine >/etc/everleaf/everleaf.toml""")
    kept = "cat /var/lib/everleaf/live/upstream/tls.key /etc/everleaf/everleaf.toml"

    system("dpkg", "--install", second)
    assert system.calls()[-1] == "deb-systemd-invoke try-restart everleafd.service"
    assert system.sh(kept) == "key\nmine\n"

    system("dpkg", "--remove", "everleaf")
    assert "stop everleafd.service" in system.calls()[0]
    assert system.sh(kept) == "key\nmine\n"
    system.sh("! test -e /usr/bin/everleaf; ! test -e /usr/bin/everleafd")

    assert "stay in /var/lib/everleaf" in system("dpkg", "--purge", "everleaf")
    assert system.sh(kept) == "key\nmine\n"


def test_purge_removes_the_state_when_asked(system, package):
    system("dpkg", "--install", system.add(package))
    system.sh("mkdir -p /var/lib/everleaf/live; touch /etc/everleaf/purge-state")
    system("dpkg", "--purge", "everleaf")
    system.sh("! test -e /var/lib/everleaf; ! test -e /etc/everleaf")
    assert system("dpkg-query", "--show", "--showformat", "${db:Status-Status}", "libssl3") == "installed"
