# SPDX-License-Identifier: Apache-2.0
"""What a real everleafd says to Prometheus, and that rules, dashboard and page speak of the same."""
import json
import re
import shutil
import subprocess

import pytest
import yaml

from certificates import DAY, load, now
from daemon import certificate, proxy
from local_http import ask
from program import REPOSITORY

RULES = REPOSITORY / "packaging" / "monitoring" / "everleaf.rules.yml"
DASHBOARD = REPOSITORY / "packaging" / "monitoring" / "everleaf.dashboard.json"
PAGE = (REPOSITORY / "docs" / "monitoring.md").read_text()
NAME = re.compile(r"\beverleaf_[a-z_]+")


def parse(text):
    """{name: {labels: value}}, and each name has help and type, once, before its values."""
    metrics, described = {}, []
    for line in text.splitlines():
        if line.startswith("#"):
            _, what, name, *rest = line.split(" ", 3)
            assert rest and what in ("HELP", "TYPE")
            described.append((what, name))
            metrics.setdefault(name, {})
        else:
            name, labels, value = re.fullmatch(r'([a-z_]+)(?:\{([a-z]+="[^"\\]*")\})? (-?\d+)', line).groups()
            assert labels not in metrics[name]
            metrics[name][labels] = int(value)
    assert len(described) == len(set(described)) == 2 * len(metrics)
    return metrics


def seconds(time):
    return int((time - time.__class__(1970, 1, 1)).total_seconds())


@pytest.fixture
def scraped(daemon, lying_ca, hook):
    """From one that has renewed, and whose proxy first refused and then took it up: before and after."""
    hook.fail()
    everleafd = daemon(lying_ca, proxy("nginx", hook.script), certificate("one", used_by=["nginx"]), certificate("two"))
    old = lying_ca.leaf(not_before=now() - 0.75 * DAY)
    everleafd.place("one", old).start()
    everleafd.wait_for_log("event=proxy-broken")
    path = everleafd.base / "everleaf.sock"
    before = parse(ask(path, "/metrics")[1])
    hook.succeed()
    everleafd.reload()
    everleafd.wait_for_log("event=adopted")
    after = parse(ask(path, "/metrics")[1])
    new = load(everleafd.crt("one"))
    everleafd.terminate()
    return before, after, old.certificate, new


def test_the_values_are_true(scraped):
    before, after, old, new = scraped
    one, nginx = 'certificate="one"', 'proxy="nginx"'
    assert before["everleaf_certificate_well"] == after["everleaf_certificate_well"] == {one: 1, 'certificate="two"': 0}
    assert before["everleaf_certificate_not_after_timestamp_seconds"] == {one: seconds(new.not_valid_after)}
    assert before["everleaf_certificate_not_before_timestamp_seconds"] == {one: seconds(new.not_valid_before)}
    assert seconds(new.not_valid_before) < after["everleaf_certificate_renewal_timestamp_seconds"][one] < seconds(new.not_valid_after)
    assert abs(after["everleaf_certificate_last_success_timestamp_seconds"][one] - seconds(now())) < 60
    assert before["everleaf_proxy_owed"] == {nginx: 1} and after["everleaf_proxy_owed"] == {nginx: 0}
    assert before["everleaf_proxy_failures"] == {nginx: 1} and after["everleaf_proxy_failures"] == {nginx: 0}
    assert before["everleaf_proxy_owed_deadline_timestamp_seconds"] == {nginx: seconds(old.not_valid_after)}
    assert after["everleaf_proxy_owed_deadline_timestamp_seconds"] == after["everleaf_proxy_owed_since_timestamp_seconds"] == {}
    assert list(after["everleaf_proxy_last_adoption_timestamp_seconds"]) == [nginx]
    assert after["everleaf_progress"] == {None: 1} and after["everleaf_configuration_refused"] == {None: 0}


def test_page_and_daemon_name_the_same(scraped):
    documented = {name for name in re.findall(r"^\| `(everleaf_[a-z_]+)", PAGE, re.M)}
    assert documented == set(scraped[0])


def alerts():
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def test_each_alert_is_on_the_page_with_its_cure():
    assert re.findall(r"^\| `(Everleaf\w+)` \| .{20,}", PAGE, re.M) == [rule["alert"] for rule in alerts()]
    assert {rule["labels"]["severity"] for rule in alerts()} == {"critical", "warning"}


def test_rules_and_dashboard_ask_for_what_there_is(scraped):
    asked = [rule["expr"] for rule in alerts()]
    asked += [target["expr"] for panel in json.loads(DASHBOARD.read_text())["panels"] for target in panel["targets"]]
    used = set(NAME.findall(" ".join(asked)))
    assert len(used) > 8 and used <= set(scraped[0])
    for labels in re.findall(r"\$labels\.(\w+)", RULES.read_text()):
        assert labels in ("certificate", "proxy", "instance")


@pytest.mark.skipif(not shutil.which("promtool"), reason="no promtool")
def test_promtool_is_content_with_the_rules():
    subprocess.run(["promtool", "check", "rules", RULES], check=True)
