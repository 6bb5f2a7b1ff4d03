"""Alert rules and dashboard: of metrics that there are, with labels that they have."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tidegate.net.ledger import Seen
from tidegate.runtime.metrics import Metrics

FOLDER = Path(__file__).parents[2] / "deploy" / "monitoring"
RULES = yaml.safe_load((FOLDER / "alerts.yaml").read_text())["groups"][0]["rules"]
DASHBOARD = json.loads((FOLDER / "grafana-dashboard.json").read_text())
OTHERS = {"instance", "job", "le"}
"""Labels that Prometheus puts on."""


def known() -> dict[str, set[str]]:
    """The labels of every sample of a server to which everything has happened once."""
    metrics = Metrics()
    metrics.observe("iot", "CreateJob", 200, 0.1)
    metrics.count_connections("mqtts", lambda: 1)
    metrics.outcomes = {("provisioning", "RegisterThing", "accepted"): 1, ("streams", "GetStream", "accepted"): 1}
    metrics.authorized = {"allowed": 1}
    metrics.admission(lambda: Seen({"silent": 1}, [("mqtts", "full", 1)], [("mqtts", "expired", 1)]))
    return {sample.name: set(sample.labels) for family in metrics.collect() for sample in family.samples}


def expressions() -> list[str]:
    shown = [target["expr"] for panel in DASHBOARD["panels"] for target in panel["targets"]]
    asked = [each["query"] for each in DASHBOARD["templating"]["list"] if each["type"] == "query"]
    return [rule["expr"] for rule in RULES] + shown + asked


def test_every_expression_is_of_what_the_server_tells() -> None:
    names = known()
    for expression in expressions():
        used = set(re.findall(r"tidegate_[a-z_]+", expression))
        assert used <= names.keys(), expression
        labels = set(re.findall(r"[{,]\s*([a-z]+)\s*=", expression))
        for grouped in re.findall(r"by \(([^)]*)\)", expression):
            labels |= {label.strip() for label in grouped.split(",")}
        have = set().union(OTHERS, *(names[name] for name in used))
        assert labels <= have, expression


def test_every_metric_is_watched() -> None:
    shown = " ".join(expressions())
    families = {family.name for family in Metrics().collect()}
    assert [name for name in families if name not in shown] == []


def test_every_alert_says_what_to_do() -> None:
    for rule in RULES:
        assert rule["labels"]["severity"] in ("warning", "critical")
        assert set(rule["annotations"]) == {"summary", "action"}


def test_panels_lie_beside_each_other() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    assert len(set(places)) == len(places)
    assert all(p["gridPos"]["x"] + p["gridPos"]["w"] <= 24 for p in DASHBOARD["panels"])


@pytest.mark.skipif(shutil.which("promtool") is None, reason="there is no promtool (Debian: prometheus)")
@pytest.mark.parametrize(
    "command",
    [
        ["check", "rules", "alerts.yaml"],
        ["test", "rules", "alerts_test.yaml"],
        ["check", "config", "--syntax-only", "prometheus.yaml"],
    ],
    ids=" ".join,
)
def test_promtool_takes_them(command: list[str]) -> None:
    done = subprocess.run(["promtool", *command], cwd=FOLDER, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
