# SPDX-License-Identifier: Apache-2.0
"""What docs/haproxy.md says to write is taken: by everleafd, and by a real HAProxy."""
import re
import subprocess

import pytest

from daemon import Daemon
from haproxy import HAPROXY
from program import REPOSITORY

PAGE = (REPOSITORY / "docs" / "haproxy.md").read_text()
FOR_EVERLEAFD = re.findall(r"^```toml\n(.*?)^```", PAGE, re.M | re.S)
FOR_HAPROXY = [section for section in re.findall(r"(?:^    .+\n)+", PAGE, re.M)]


def test_the_page_has_both():
    assert len(FOR_EVERLEAFD) == 4 and len(FOR_HAPROXY) == 4


@pytest.mark.parametrize("blocks", FOR_EVERLEAFD)
def test_everleafd_takes_what_is_for_it(tmp_path, real_ca, blocks):
    everleafd = Daemon(tmp_path / "daemon", real_ca, blocks)
    everleafd("--config", everleafd.config, "--check", CREDENTIALS_DIRECTORY=str(tmp_path)).succeeded()


def test_haproxy_takes_what_is_for_it(tmp_path, real_ca):
    pair = real_ca.leaf()
    (tmp_path / "tls.pem").write_text(pair.chain_pem + pair.key_pem)
    (tmp_path / "ca.crt").write_text(real_ca.root.pem)
    text = "".join(FOR_HAPROXY).replace("/var/lib/everleaf/live/web", str(tmp_path)).replace("user everleaf", "user root")
    frame = "defaults\n  mode http\n  timeout connect 5s\n  timeout client 5s\n  timeout server 5s\n"
    (tmp_path / "haproxy.cfg").write_text(frame + text)
    said = subprocess.run([HAPROXY, "-c", "-f", tmp_path / "haproxy.cfg"], capture_output=True, text=True)
    assert said.returncode == 0 and "WARNING" not in said.stderr, said.stderr
