# SPDX-License-Identifier: Apache-2.0
"""ca provisioner list prints what step prints, member by member: there are scripts that look for the line behind another."""
import json
import os

import pytest

from acme import AcmeProvisioner
from certificates import hierarchy
from program import environment, run
from provisioners import K8sSaProvisioner, X5cProvisioner
from step_ca import RealCa, usual_provisioners

STEP = os.environ.get("EVERLEAF_TEST_STEP")


def test_members_come_in_the_order_of_the_ca(everleaf, tmp_path):
    ca = RealCa(tmp_path / "ca", [*usual_provisioners(), X5cProvisioner("hosts", hierarchy("Hosts")), K8sSaProvisioner(), AcmeProvisioner()])
    try:
        ours = everleaf("ca", "provisioner", "list", *ca.trust()).succeeded().stdout
        assert all(list(one)[:2] == ["type", "name"] for one in json.loads(ours)), ours
        if STEP:
            theirs = run([STEP, "ca", "provisioner", "list", *ca.trust()], everleaf.directory, environment(everleaf.directory))
            assert ours == theirs.succeeded().stdout
    finally:
        ca.stop()
