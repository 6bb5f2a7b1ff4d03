"""The command as its users start it: in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import boto3
import pytest
from botocore.config import Config

from tidegate import form

COMMAND = [sys.executable, "-m", "tidegate.cli"]


def listeners(**changed: str) -> list[str]:
    """Options that put every listener on a free port of loopback, or where the caller wants one."""
    places = dict.fromkeys(("http", "https", "mqtts", "objects-listen"), "127.0.0.1:0") | changed
    return [part for name, place in places.items() for part in (f"--{name}", place)]


PORTS = listeners()


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without what would configure a client or a server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TIDEGATE_"))}
    return kept | more


def run(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [*COMMAND, *arguments],
        env=env or clean_environment(),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


class Serving:
    """A ``tidegate serve`` in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], banner: str, data: Path) -> None:
        self.process = process
        self.banner = banner
        self.addresses: dict[str, Any] = json.loads((data / "addresses.json").read_text())

    def client(self, service: str, key: str = "k", secret: str = "s") -> Any:
        return boto3.session.Session().client(
            service,
            endpoint_url=self.addresses["http"],
            region_name="us-east-1",
            aws_access_key_id=key,
            aws_secret_access_key=secret,
            config=Config(retries={"total_max_attempts": 1}),
        )

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal; the exit status."""
        self.process.send_signal(number)
        return self.process.wait(timeout=30)


@contextmanager
def serving(data: Path, *arguments: str, env: dict[str, str] | None = None) -> Iterator[Serving]:
    """Start the server, wait for its banner, and see to it that it ends."""
    process = subprocess.Popen(
        [*COMMAND, "serve", "--data", str(data), *arguments],
        env=env or clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield Serving(process, _banner(process.stdout), data)
    finally:
        process.kill()
        process.communicate()


def _banner(output: IO[str]) -> str:
    lines = []
    for line in output:
        lines.append(line)
        if "tidegate env" in line:
            return "".join(lines)
    raise AssertionError(f"the server ended: {''.join(lines)}")


def test_version() -> None:
    assert run("version").stdout == f"{form.text()}\n"


def test_serve_until_sigterm(tmp_path: Path) -> None:
    with serving(tmp_path, *PORTS) as server:
        for shown in ("http", "https", "mqtts", "console", "ca", "account"):
            assert server.addresses[shown] in server.banner
        assert "OFF" in server.banner
        assert not server.addresses["http"].endswith(":0")
        with urllib.request.urlopen(f"{server.addresses['console']}/jobs", timeout=60) as page:
            assert b"No jobs here" in page.read()
        assert Path(server.addresses["ca"]).read_text().startswith("-----BEGIN CERTIFICATE-----")
        server.client("iot").create_job_template(jobTemplateId="kept", description="d", document="{}")
        assert server.stop() == 0
    with serving(tmp_path, *PORTS) as server:
        assert server.client("iot").describe_job_template(jobTemplateId="kept")["description"] == "d"
        assert server.stop(signal.SIGINT) == 0


@pytest.mark.parametrize("listener", ["http", "https", "mqtts"])
def test_a_listener_for_everybody_needs_authentication(tmp_path: Path, listener: str) -> None:
    done = run("serve", "--data", str(tmp_path / "data"), *listeners(**{listener: "0.0.0.0:0"}))
    assert done.returncode == 2
    assert "0.0.0.0:0 can be reached from other machines" in done.stderr
    assert "tidegate keys create" in done.stderr
    assert not (tmp_path / "data").exists()


def test_authentication_with_a_key_made_while_the_server_runs(tmp_path: Path) -> None:
    with serving(tmp_path, *listeners(http="0.0.0.0:0"), "--auth", "on") as server:
        made = run("keys", "create", "--data", str(tmp_path), "--account", "123456789012")
        exports = dict(line.removeprefix("export ").split("=", 1) for line in made.stdout.splitlines())
        key, secret = exports["AWS_ACCESS_KEY_ID"], exports["AWS_SECRET_ACCESS_KEY"]
        assert (key[:4], len(key), len(secret)) == ("AKIA", 20, 40)
        assert key.isalnum()
        server.addresses["http"] = server.addresses["http"].replace("0.0.0.0", "127.0.0.1")
        made_template = server.client("iot", key, secret).create_job_template(
            jobTemplateId="t", description="d", document="{}"
        )
        assert made_template["jobTemplateArn"] == "arn:aws:iot:us-east-1:123456789012:jobtemplate/t"
        refused = server.client("iot", key, "wrong")
        with pytest.raises(refused.exceptions.ClientError, match="InvalidSignatureException"):
            refused.list_job_templates()


def test_two_servers_on_one_directory(tmp_path: Path) -> None:
    with serving(tmp_path, *PORTS):
        second = run("serve", "--data", str(tmp_path), *PORTS)
        assert second.returncode == 1
        assert second.stderr.splitlines()[-1] == f"tidegate: another server is running on {tmp_path}"


def test_env_points_the_aws_tools_here(tmp_path: Path) -> None:
    with serving(tmp_path, *PORTS, "--account", "123456789012", "--region", "eu-north-1"):
        exports = run("env", "--data", str(tmp_path)).stdout
        script = exports + f'\nexec "{sys.executable}" -c "{PROGRAM}"'
        done = subprocess.run(
            ["sh", "-eu", "-c", script],
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.stderr == ""
        made, pending, ca, host = done.stdout.split()
        assert made == "arn:aws:iot:eu-north-1:123456789012:jobtemplate/shell"
        assert pending == "[]"
        assert Path(ca).exists()
        assert host == "127.0.0.1"


PROGRAM = (
    "import boto3, os; "
    "print(boto3.client('iot').create_job_template(jobTemplateId='shell', description='d', document='{}')"
    "['jobTemplateArn']); "
    "print(boto3.client('iot-jobs-data').get_pending_job_executions(thingName='t')['queuedJobs']); "
    "print(os.environ['TIDEGATE_CA_FILE'], os.environ['TIDEGATE_MQTT_HOST'])"
)


def test_env_for_a_server_with_tls(tmp_path: Path) -> None:
    """The tools trust it without another word; SIGHUP does not end it."""
    with serving(tmp_path, *PORTS, "--http-tls") as server:
        server.process.send_signal(signal.SIGHUP)
        exports = run("env", "--data", str(tmp_path)).stdout
        assert "export AWS_ENDPOINT_URL_IOT=https://127.0.0.1:" in exports
        assert f"export AWS_CA_BUNDLE={tmp_path / 'ca.pem'}" in exports
        script = exports + f'\nexec "{sys.executable}" -m awscli iot describe-endpoint --output text'
        done = subprocess.run(
            ["sh", "-eu", "-c", script],
            env=clean_environment(),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.stdout.startswith("localhost:"), done.stderr
        assert "WARNING" not in server.banner


def test_operators_in_clear_are_warned_of(tmp_path: Path) -> None:
    everywhere = listeners(http="0.0.0.0:0")
    with serving(tmp_path, *everywhere, "--auth", "on") as server:
        assert "WARNING  requests of operators cross the network in clear: --http-tls" in server.banner
    with serving(tmp_path, *everywhere, "--auth", "on", "--http-tls") as server:
        assert "WARNING" not in server.banner


def test_secrets_are_nobody_elses(tmp_path: Path) -> None:
    """Files that were too open are repaired, new ones are private, and there is no core dump of a server."""
    data = tmp_path / "data"
    data.mkdir()
    for name in ("master.key", "tidegate.db"):
        (data / name).touch()
        (data / name).chmod(0o664)
    (data / "master.key").write_text("A" * 43 + "=\n")
    with serving(data, *PORTS) as server:
        assert (data / "ca.pem").stat().st_mode & 0o777 == 0o644
        secrets = [path for path in data.rglob("*") if path.is_file() and path.suffix not in (".pem", ".json")]
        assert {path.name for path in secrets} >= {"ca.key", "ca-rsa.key", "master.key", "presign.key", "tidegate.db"}
        assert [path.name for path in secrets if path.stat().st_mode & 0o077] == []
        limits = Path(f"/proc/{server.process.pid}/limits").read_text()
        assert re.search(r"Max core file size +0 +0 ", limits)
        server.stop()
        assert server.process.stderr is not None
        told = [line for line in server.process.stderr if "could read" in line]
        assert len(told) == 1
        assert "master.key, tidegate.db in" in told[0]
    probe = "import ctypes, tidegate.process as p; p.keep_private(); print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, timeout=300, check=True)
    assert done.stdout == "0\n"


def test_large_pieces_of_memory_are_given_back_and_do_not_lie_among_small_ones() -> None:
    probe = """
import ctypes, sys
import tidegate.process as process
if sys.argv[1] == "apart":
    process.keep_large_apart()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
class Told(ctypes.Structure):
    _fields_ = [(str(number), ctypes.c_size_t) for number in range(10)]
libc.mallinfo2.restype = Told
def mapped():
    return getattr(libc.mallinfo2(), "3")
libc.free(libc.malloc(256 * 1024))  # glibc learns from it, and takes the next one from the heap
before = mapped()
for _ in range(5):
    libc.malloc(256 * 1024)
print(mapped() - before)
"""
    for kept, pieces in (("apart", "5"), ("as it comes", "0")):
        command = [sys.executable, "-c", probe, kept]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == f"{pieces}\n"


def test_env_before_any_server_ran_names_the_defaults(tmp_path: Path) -> None:
    lines = run("env", "--data", str(tmp_path / "it's here")).stdout.splitlines()
    assert "export AWS_ENDPOINT_URL_IOT_JOBS_DATA_PLANE=http://127.0.0.1:8080" in lines
    assert any("it'\"'\"'s here/ca.pem" in line for line in lines)


def test_options_from_the_environment(tmp_path: Path) -> None:
    more = {
        "TIDEGATE_HTTP": "127.0.0.1:0",
        "TIDEGATE_HTTPS": "127.0.0.1:0",
        "TIDEGATE_MQTTS": "127.0.0.1:0",
        "TIDEGATE_ACCOUNT": "210987654321",
        "TIDEGATE_CLOCK": "movable",
        "TIDEGATE_CA_FILE": "what tidegate env exports is no option",
    }
    with serving(tmp_path, env=clean_environment(**more)) as server:
        assert server.addresses["account"] == "210987654321"
        assert server.addresses["clock"] == "movable"
        assert "movable, frozen at the present" in server.banner


def test_mqtt_settings_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "mqtt.toml").write_text("max_session_expiry = 7200\n")
    (tmp_path / "wrong.json").write_text('{"max_session_expiry": -1}')
    with serving(tmp_path / "data", *PORTS, "--mqtt-settings", str(tmp_path / "mqtt.toml")):
        pass
    done = run("serve", "--data", str(tmp_path / "other"), "--mqtt-settings", str(tmp_path / "wrong.json"))
    assert done.returncode != 0
    assert "max_session_expiry must be a whole number" in " ".join((done.stdout + done.stderr).split())


def test_an_empty_variable_is_not_set(tmp_path: Path) -> None:
    empty = ("REGION", "SHARED", "AUTH", "QUOTAS", "NAME", "OBJECTS", "MASTER_KEY", "ROLLOUT_CEILING", "STRICT_AWS")
    more = {f"TIDEGATE_{name}": "" for name in empty}
    with serving(tmp_path, *PORTS, env=clean_environment(**more)) as server:
        assert server.addresses["region"] == "us-east-1"
        assert server.addresses["shared"] is None


@pytest.mark.parametrize(("value", "scheme"), [("on", "https"), ("off", "http"), ("ON", "https"), ("true", "https")])
def test_a_switch_is_on_or_off(tmp_path: Path, value: str, scheme: str) -> None:
    with serving(tmp_path, *PORTS, env=clean_environment(TIDEGATE_OBJECTS_TLS=value)) as server:
        assert server.addresses["objects"].startswith(f"{scheme}://")


def test_a_key_is_of_the_account_of_the_server_on_the_directory(tmp_path: Path) -> None:
    with serving(tmp_path, *PORTS, "--auth", "on", "--account", "210987654321"):
        assert run("keys", "create", "--data", str(tmp_path)).returncode == 0
        assert run("access", "create-principal", "ci", "--data", str(tmp_path)).returncode == 0
    told = run("access", "list", "--data", str(tmp_path)).stdout
    assert sorted(line.split()[0] for line in told.splitlines()) == [
        "arn:aws:iam::210987654321:user/admin",
        "arn:aws:iam::210987654321:user/ci",
    ]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--mqtt-settings", "none.toml"], "none.toml cannot be read"),
        (["--take", "everything"], "everything: there is role_accounts, "),
        (["--http", "8080"], "is not HOST:PORT"),
        (["--http", "localhost:http"], "is not HOST:PORT"),
        (["--account", "12"], "an account has 12 digits"),
        (["--store", "mysql://"], "the store is sqlite or a postgresql:// URL"),
        (["--auth", "maybe"], "auth"),
        (["--rollout-ceiling", "0"], "rollout-ceiling"),
        (["--tls-certificate", "https=a.pem"], "https=FILE needs its --tls-key"),
    ],
)
def test_options_that_make_no_sense(tmp_path: Path, arguments: list[str], text: str) -> None:
    done = run("serve", "--data", str(tmp_path / "data"), *arguments)
    assert done.returncode != 0
    assert text in " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "data").exists()


def test_an_address_in_use_is_told_without_a_traceback(tmp_path: Path) -> None:
    with serving(tmp_path / "one", *PORTS) as server:
        taken = server.addresses["http"].removeprefix("http://")
        done = run("serve", "--data", str(tmp_path / "two"), *listeners(http=taken))
        assert done.returncode == 1
        told = f"tidegate: {taken}: Address already in use. Choose with --http HOST:PORT; port 0 takes a free one"
        assert done.stderr.splitlines()[-1] == told
        assert "Traceback" not in done.stderr
        for name in ("https", "mqtts", "shared", "objects-listen"):
            done = run("serve", "--data", str(tmp_path / "two"), *listeners(**{name: taken}))
            assert done.stderr.splitlines()[-1].startswith(f"tidegate: {taken}: Address already in use. "), name
            assert f"--{name} HOST:PORT" in done.stderr


def test_a_request_under_way_is_finished(tmp_path: Path) -> None:
    with serving(tmp_path, *PORTS) as server:
        host, port = server.addresses["http"].removeprefix("http://").split(":")
        body = b'{"description":"d","document":"{}"}'
        with socket.create_connection((host, int(port)), timeout=30) as late:
            request = f"PUT /job-templates/late HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
            late.sendall(request.encode() + body[:5])
            # Answered after the first bytes above have been taken in, because one loop serves both.
            server.client("iot").list_job_templates()
            server.process.send_signal(signal.SIGTERM)
            deadline = time.monotonic() + 30
            while _accepts(host, int(port)):
                assert time.monotonic() < deadline
            late.sendall(body[5:])
            answer = late.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"connection: close\r\n" in answer
        assert server.process.wait(timeout=30) == 0


def _accepts(host: str, port: int) -> bool:

    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return False
    return True


def test_the_postgresql_driver_is_only_asked_for_when_it_is_needed(tmp_path: Path) -> None:
    """A base installation has no driver."""
    script = (
        "import sys; sys.modules['psycopg'] = None\n"
        "from tidegate.cli import main\n"
        f"main(['serve', '--data', {str(tmp_path)!r}, '--store', 'postgresql://nowhere/x'])"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 1
    [form, told] = ended.stderr.splitlines()
    assert "INFO tidegate: tidegate" in form
    assert told == "tidegate: a PostgreSQL store needs its driver: pip install 'tidegate[postgres]'"


def test_why_denied_beside_a_running_server_and_without_one(tmp_path: Path) -> None:
    def why(*arguments: str) -> tuple[int, str]:
        done = run("why-denied", "--data", str(tmp_path), *arguments)
        assert "Traceback" not in done.stderr
        return done.returncode, done.stdout + done.stderr

    publish = ("--action", "iot:Publish", "--resource", "topic/pump-1/state")
    assert why("--thing", "pump-1", *publish) == (2, f"tidegate: there is no store in {tmp_path}\n")
    with serving(tmp_path, *PORTS) as server:
        iot = server.client("iot")
        iot.create_thing(thingName="pump-1")
        made = iot.create_keys_and_certificate(setAsActive=True)
        own = "arn:aws:iot:us-east-1:000000000000:topic/${iot:Connection.Thing.ThingName}/*"
        statement = {"Sid": "Own", "Effect": "Allow", "Action": "iot:Publish", "Resource": own}
        iot.create_policy(
            policyName="own", policyDocument=json.dumps({"Version": "2012-10-17", "Statement": statement})
        )
        iot.attach_policy(policyName="own", target=made["certificateArn"])
        assert why("--thing", "pump-1", *publish) == (2, "tidegate: thing pump-1 has no certificate\n")
        iot.attach_thing_principal(thingName="pump-1", principal=made["certificateArn"])

        code, text = why("--thing", "pump-1", *publish)
        assert (code, text.splitlines()) == (
            0,
            [
                "ALLOWED: iot:Publish on arn:aws:iot:us-east-1:000000000000:topic/pump-1/state",
                f"  certificate  {made['certificateId']}  ACTIVE, account 000000000000, region us-east-1",
                "  client id    pump-1, thing pump-1",
                "  decided by   allowed by statement 0 (Own) of version 1 of policy 'own'",
                "  policy       own, version 1, of the certificate: allows",
            ],
        )
        code, text = why("--certificate", made["certificateId"], "--client-id", "pump-2", *publish)
        assert code == 3
        for part in (
            "DENIED: iot:Publish",
            "client id    pump-2, no thing",
            "decided by   no statement allows it",
            "own, version 1, of the certificate: says nothing about it",
            "left out     statement 0 (Own) of policy own: ${iot:Connection.Thing.ThingName} has no value",
            "missing      iot:Connection.Thing.ThingName",
            "note         Client id 'pump-2' names none of the things",
        ):
            assert part in text
        iot.update_certificate(certificateId=made["certificateId"], newStatus="REVOKED")
        assert server.stop() == 0
    code, text = why("--client-id", "pump-1", *publish)
    assert code == 3
    assert "decided by   the certificate, which is REVOKED" in text


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--action", "iot:Publish", "--resource", "topic/a"], "name the device"),
        (["--action", "Publish", "--resource", "topic/a", "--thing", "t"], "an action is iot:Publish"),
        (["--resource", "topic/a", "--thing", "t"], "--action"),
    ],
)
def test_questions_that_make_no_sense(tmp_path: Path, arguments: list[str], text: str) -> None:
    done = run("why-denied", "--data", str(tmp_path), *arguments)
    assert done.returncode != 0
    assert text in " ".join((done.stdout + done.stderr).replace("│", " ").split())
    assert "Traceback" not in done.stderr


def test_why_a_job_waits_beside_a_running_server_and_without_one(tmp_path: Path) -> None:
    where = ("--data", str(tmp_path))
    assert run("why", "j", *where).returncode == 2
    with serving(tmp_path, *PORTS) as server:
        iot = server.client("iot")
        arn = iot.create_thing(thingName="t")["thingArn"]
        iot.create_job(jobId="j", targets=[arn], document="{}")
        told = run("why", "j", "t", *where)
        assert (told.returncode, told.stdout.partition(":")[0]) == (0, "NEVER_CONNECTED"), told.stderr
        assert server.stop() == 0
    assert run("why", "j", *where).stdout.startswith("EXECUTIONS: Everything is released: 1 executions are QUEUED")
    missing = run("why", "none", *where)
    assert (missing.returncode, missing.stderr) == (2, "tidegate: Job none cannot be found.\n")
