# SPDX-License-Identifier: Apache-2.0
"""certificate install and uninstall, on a copy of this system's trust store that only the test sees."""
import os
import shutil
import subprocess

import pytest

from certificates import hierarchy
from program import BINARIES, die_with_parent

STORE = "/usr/local/share/ca-certificates"

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not os.path.isdir(STORE) or not shutil.which("unshare"),
                                reason="needs root, unshare and Debian's trust store")

# The store and what is made of it are overlaid, so that nothing of the host changes.
SCRIPT = f"""
set -e
mount --make-rprivate /
for directory in {STORE} /etc/ssl/certs; do
  mkdir -p "$PWD/upper$directory" "$PWD/work$directory"
  mount -t overlay overlay -o lowerdir=$directory,upperdir=$PWD/upper$directory,workdir=$PWD/work$directory $directory ||
    {{ mount -t tmpfs none $directory; }}
done
{{commands}}
"""


def run(work, commands):
    return subprocess.run(["unshare", "--mount", "sh", "-c", SCRIPT.replace("{commands}", commands)], cwd=work, text=True,
                          capture_output=True, timeout=120, preexec_fn=die_with_parent,
                          env={"PATH": f"{BINARIES}:{os.environ['PATH']}", "HOME": str(work)})


def test_an_installed_root_is_trusted_until_it_is_uninstalled(work):
    authorities = hierarchy("Installed")
    authorities.root.save(work / "root.crt")
    authorities.intermediate.save(work / "chain.crt")
    before = sorted(os.listdir(STORE))
    ended = run(work, f"""
        everleaf certificate verify chain.crt && exit 9
        everleaf certificate install root.crt
        ls -A {STORE}; stat -c %a {STORE}/Installed_Root_CA_*.crt
        everleaf certificate verify --verbose chain.crt
        everleaf certificate uninstall root.crt
        ls -A {STORE}
        everleaf certificate uninstall root.crt
        everleaf certificate verify chain.crt && exit 9
        exit 0""".replace("&& exit 9", "2>/dev/null && exit 9 || true"))
    assert ended.returncode == 0, ended
    serial = authorities.root.certificate.serial_number
    assert "\n644\n" in ended.stdout, ended
    assert "Certificate root.crt has been installed.\nX.509v3 Root CA Certificate" in ended.stdout
    assert "certificate is valid" in ended.stdout
    assert "Certificate root.crt has been removed." in ended.stdout
    assert ended.stdout.count(f"Installed_Root_CA_{serial}.crt") == 1
    assert sorted(os.listdir(STORE)) == before


def test_the_prefix_names_the_file_and_cannot_lead_out_of_the_store(work):
    authorities = hierarchy("Named")
    authorities.root.save(work / "root.crt")
    ended = run(work, f"everleaf certificate install --prefix ../../x/ root.crt; ls -A {STORE}")
    assert ended.returncode == 0 and f".._.._x_{authorities.root.certificate.serial_number}.crt" in ended.stdout, ended


def test_only_a_root_is_installed(everleaf, work):
    authorities = hierarchy("Other")
    authorities.intermediate.save(work / "intermediate.crt")
    for command in ("install", "uninstall"):
        everleaf("certificate", command, "intermediate.crt").failed("intermediate.crt", "root")


def test_the_stores_of_others_are_passed_over_where_there_are_none_and_refused_where_there_is_one(work):
    authorities = hierarchy("Everywhere")
    authorities.root.save(work / "root.crt")
    tool = "#!/bin/sh\nexit 0\n"
    for file in ("java/bin/keytool", "bin/certutil"):
        (work / file).parent.mkdir(parents=True)
        (work / file).write_text(tool)
        (work / file).chmod(0o755)
    firefox = work / ".mozilla/firefox/x.default"
    ended = run(work, f"""
        refused() {{ "$@" 2>>refused && exit 9; ls -A {STORE} | grep Everywhere && exit 8; true; }}
        refused env JAVA_HOME=java everleaf certificate install --all root.crt
        refused env JAVA_HOME=java everleaf certificate install --java root.crt
        mkdir -p {firefox}; touch {firefox}/cert9.db; export PATH="$PWD/bin:$PATH"
        refused everleaf certificate install --all root.crt
        refused everleaf certificate install root.crt --firefox
        JAVA_HOME=java everleaf certificate install --firefox root.crt 2>>refused && exit 7
        everleaf certificate install --java root.crt
        everleaf certificate uninstall --java root.crt
        rm {firefox}/cert9.db
        JAVA_HOME=nowhere everleaf certificate install --all root.crt
        ls -A {STORE}
        everleaf certificate uninstall --all root.crt
        exit 0""")
    assert ended.returncode == 0, ended
    assert f"Everywhere_Root_CA_{authorities.root.certificate.serial_number}.crt" in ended.stdout
    said = (work / "refused").read_text()
    assert said.count("not supported yet where there is java\n") == 2 and said.count(f"where there is {firefox}\n") == 3, said
    assert "keytool" in said and "certutil" in said
