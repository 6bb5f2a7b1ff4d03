"""What is delivered to run tidegate with: as far as this machine can, it is run."""

from __future__ import annotations

import configparser
import inspect
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

import tidegate
from tests.cli.test_commands import PORTS, clean_environment
from tests.deploy.chart import rendered
from tidegate import cli
from tidegate.cli import config_file
from tidegate.http.control import Control

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
OPTIONS = {f"TIDEGATE_{name.upper().replace('-', '_')}" for name in (*config_file.NAMES, "config")}
DOCKERFILE = re.sub(r"\\\n\s*", "", (DEPLOY / "Dockerfile").read_text())


def instructions(name: str) -> list[str]:
    return re.findall(rf"^{name} (.*)$", DOCKERFILE, re.MULTILINE)


def variables(names: Iterable[str]) -> set[str]:
    return {name for name in names if name.startswith("TIDEGATE_")}


def test_the_image_is_of_what_is_there_and_says_what_the_server_understands() -> None:
    allowed = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = [word for line in instructions("COPY") if "--from" not in line for word in line.split()[:-1]]
    assert sorted(copied) == sorted(allowed)
    assert all((ROOT / name).exists() for name in copied)
    env = dict(word.split("=", 1) for line in instructions("ENV") for word in line.split())
    assert variables(env) <= OPTIONS
    assert env["TIDEGATE_AUTH"] == "on"
    assert instructions("USER") == ["10001"]
    assert all(command in cli.app for command in re.findall(r'CMD \["(?:tidegate", ")?([a-z]+)"', DOCKERFILE))
    exposed = {env[name].rpartition(":")[2] for name in env if env[name].startswith("0.0.0.0:")}
    assert exposed == set(instructions("EXPOSE")[0].split())


def test_compose_runs_two_servers_on_one_postgresql() -> None:
    found = yaml.safe_load((DEPLOY / "compose" / "compose.yaml").read_text())
    one, two = found["services"]["one"], found["services"]["two"]
    assert one["environment"] == two["environment"]
    assert one["volumes"] != two["volumes"]
    assert variables(one["environment"]) <= OPTIONS
    assert (one["read_only"], one["cap_drop"]) == (True, ["ALL"])
    assert (ROOT / "deploy" / "compose" / one["build"]["context"] / one["build"]["dockerfile"]).resolve().exists()
    balancer = (DEPLOY / "compose" / "haproxy.cfg").read_text()
    binds = set(re.findall(r"bind :(\d+)", balancer))
    assert {each.split(":")[1] for each in found["services"]["balancer"]["ports"]} == binds
    address = found["services"]["balancer"]["networks"]["inside"]["ipv4_address"]
    assert address == one["environment"]["TIDEGATE_PROXY_PROTOCOL"]
    [asked] = re.findall(r"httpchk GET (\S+)", balancer)
    assert page(asked)


def page(path: str) -> bool:
    """Whether the server has such a page; what it answers is tested below."""
    return f'b"{path}"' in inspect.getsource(Control)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="there is no systemd-analyze")
def test_the_unit_is_understood_and_sandboxed(tmp_path: Path) -> None:
    text = (DEPLOY / "systemd" / "tidegate.service").read_text()
    program = tmp_path / "tidegate"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "tidegate.service"
    unit.write_text(text.replace("/opt/tidegate/bin/tidegate", str(program)))
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    judged = ["systemd-analyze", "security", "--offline=yes", "--threshold=15", unit]  # of 100, which is no sandbox
    done = subprocess.run(judged, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    parsed = configparser.ConfigParser(strict=False, interpolation=None)
    parsed.optionxform = str  # type: ignore[assignment,method-assign]
    parsed.read_string(text)
    service = parsed["Service"]
    assert variables(word.split("=")[0] for word in service["Environment"].split()) <= OPTIONS
    assert service["ExecStart"].split()[1] in cli.app


def test_the_chart() -> None:
    chart = DEPLOY / "helm" / "tidegate"
    values = yaml.safe_load((chart / "values.yaml").read_text())
    values["persistence"]["storageClass"] = "fast"
    found = {(each["kind"], each["metadata"]["name"]): each for each in rendered(chart, values, "fleet")}
    assert set(found) == {
        ("Secret", "fleet-config"),
        ("Service", "fleet"),
        ("Service", "fleet-peers"),
        ("PodDisruptionBudget", "fleet"),
        ("StatefulSet", "fleet"),
    }
    known = yaml.safe_load((chart / "Chart.yaml").read_text())
    assert known["appVersion"] == tidegate.__version__
    spec = found["StatefulSet", "fleet"]["spec"]
    assert spec["volumeClaimTemplates"][0]["spec"]["storageClassName"] == "fast"
    pod = spec["template"]["spec"]
    [container] = pod["containers"]
    assert container["image"] == f"tidegate:{tidegate.__version__}"
    assert container["args"][0] in cli.app
    assert variables(each["name"] for each in container["env"]) <= OPTIONS
    assert all(page(container[f"{kind}Probe"]["httpGet"]["path"]) for kind in ("startup", "readiness", "liveness"))
    assert {each["name"] for each in container["volumeMounts"]} == {each["name"] for each in pod["volumes"]} | {"data"}
    exposed = {str(each["containerPort"]) for each in container["ports"]}
    assert exposed == set(instructions("EXPOSE")[0].split())
    assert pod["securityContext"]["runAsUser"] == int(instructions("USER")[0])
    if shutil.which("helm"):
        subprocess.run(["helm", "lint", "--strict", chart], check=True)


def test_the_chart_s_configuration_is_one(tmp_path: Path) -> None:
    chart = DEPLOY / "helm" / "tidegate"
    values = yaml.safe_load((chart / "values.yaml").read_text())
    path = tmp_path / "tidegate.toml"
    [secret] = [each for each in rendered(chart, values, "fleet") if each["kind"] == "Secret"]
    path.write_text(secret["stringData"]["tidegate.toml"])
    assert config_file.read(path) == values["config"]
    config_file.checked(path)


def test_a_wheel_is_built_and_serves_without_a_network(tmp_path: Path) -> None:
    """Everything the package needs is in it; what it depends on is taken from this environment."""
    environment = clean_environment(PIP_NO_INDEX="1")

    def run(*command: Any, **changes: Any) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False, **{"env": environment, **changes})
        assert done.returncode == 0, done.stderr
        return done.stdout

    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", tmp_path, cwd=ROOT)
    [wheel] = tmp_path.glob("*.whl")
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", tmp_path / "site", wheel)
    beside = clean_environment(PYTHONPATH=str(tmp_path / "site"))
    program = "import tidegate.cli as c, sys; assert c.__file__.startswith(sys.argv.pop(1)); c.main()"
    command = [sys.executable, "-c", program, str(tmp_path / "site")]
    data = tmp_path / "data"
    with subprocess.Popen(
        [*command, "serve", "--data", data, *PORTS, "--http-tls"],
        env=beside,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as serving:
        try:
            assert serving.stdout is not None
            assert any("tidegate env" in line for line in serving.stdout)
            for asked, told in (([], "ok"), (["--live"], "alive")):
                assert f'"status":"{told}"' in run(*command, "ready", *asked, "--data", data, env=beside, cwd=tmp_path)
        finally:
            serving.terminate()
            assert serving.wait(60) == 0
    gone = subprocess.run([*command, "ready", "--data", data], env=beside, capture_output=True, text=True, check=False)
    assert gone.returncode == 1
    assert "is not ready: " in gone.stderr
