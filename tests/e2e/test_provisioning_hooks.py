"""Provisioning where somebody else has a say: hooks, trusted users, and time."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.e2e.fleet import PATIENCE, Account, Credentials, Maker
from tests.e2e.mqtt import Device, RefusedError, connected
from tests.e2e.test_provisioning import CREATE, PROVISION, _json, claim, comes_up, fleet, template
from tests.e2e.test_streams import Killable
from tests.e2e.test_time import move
from tests.servers import Started, options, started
from tidegate.net.hooks import Hook
from tidegate.ops import fleet_provisioning

HOOK = "arn:aws:lambda:eu-west-1:000000000000:function:check"
LIST = "arn:aws:lambda:eu-west-1:000000000000:function:listed"


class Answers:
    """What the hook says next, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.next: Callable[[], tuple[int, bytes]] = lambda: (200, b'{"allowProvisioning":true}')
        self.after: Callable[[], None] = lambda: None


@contextmanager
def serving(answers: Answers) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            answers.asked.append((json.loads(body), self.headers["X-Tidegate-Signature"]))
            status, answer = answers.next()
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)
            self.wfile.flush()
            answers.after()

        def log_message(self, *_arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/check"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def answers() -> Answers:
    return Answers()


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def timed_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, answers: Answers
) -> Iterator[Started]:
    store, folder = request.param, tmp_path_factory.mktemp("hooks")
    if store == "postgres":
        store = request.getfixturevalue("new_postgres")("tidegate-hooks")
    listed = folder / "serials"
    listed.write_text("7\n")
    with serving(answers) as url:
        hooks = {HOOK: Hook(url, b"secret"), LIST: Hook(f"list:{listed}")}
        with started(options(folder, clock="movable", store=store, hooks=hooks)) as server:
            yield server


@pytest.fixture
def account(timed_server: Started, maker: Maker, tmp_path: Path) -> Account:
    """One whose hooks are those of the server: hooks are of the account that their ARNs name."""
    move(timed_server, freeze=True)
    made, service = Account(timed_server, maker, tmp_path), timed_server.running.service
    hooks = {**service.settings.hooks, **{own(made, arn): service.settings.hooks[arn] for arn in (HOOK, LIST)}}
    service.choose(service.settings.limits, hooks, service.settings.hook_hosts)
    return made


def own(account: Account, hook: str) -> str:
    """The ARN of a hook in an account."""
    return hook.replace("000000000000", account.id)


def protected(account: Account, hook: str = HOOK) -> None:
    fleet(account)
    account.iot.update_provisioning_template(
        templateName="fleet", preProvisioningHook={"targetArn": own(account, hook)}
    )


def test_nobody_has_another_accounts_hook_judge(account: Account) -> None:
    fleet(account)
    with pytest.raises(ClientError, match="Access denied during lambda validation"):
        account.iot.update_provisioning_template(templateName="fleet", preProvisioningHook={"targetArn": HOOK})


def offered(device: Device) -> dict[str, Any]:
    offer: dict[str, Any] = _json(device, f"{CREATE}/json", {}, "accepted")
    return offer


def asking(offer: dict[str, Any], serial: str = "7") -> dict[str, Any]:
    token = offer["certificateOwnershipToken"]
    return {"certificateOwnershipToken": token, "parameters": {"SerialNumber": serial}}


def test_a_hook_allows_and_changes_parameters(account: Account, answers: Answers) -> None:
    protected(account)
    answers.next = lambda: (200, b'{"allowProvisioning":true,"parameterOverrides":{"SerialNumber":"7"}}')
    credentials = claim(account)
    with connected(account, credentials, "factory-1") as device:
        offer = offered(device)
        assert _json(device, f"{PROVISION}/json", asking(offer, "0"), "accepted")["thingName"] == "device-7"
    asked, signature = answers.asked[-1]
    assert signature.startswith("sha256=")
    assert (asked["clientId"], asked["parameters"]) == ("factory-1", {"SerialNumber": "0"})
    assert asked["claimCertificateId"] == credentials.certificate_id
    assert asked["certificateId"] == offer["certificateId"]


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        ((200, b'{"allowProvisioning":false}'), 403, "AccessDenied"),
        ((200, b"{}"), 403, "AccessDenied"),
        ((200, b"OK"), 400, "InvalidResult"),
        ((200, b""), 400, "InvalidResult"),
        ((500, b'{"allowProvisioning":true}'), 400, "InvocationError"),
        ((302, b'{"allowProvisioning":true}'), 400, "InvocationError"),
        (None, 400, "InvocationError"),
    ],
)
def test_a_hook_denies_by_every_kind_of_failure(
    account: Account,
    answers: Answers,
    answer: tuple[int, bytes] | None,
    status: int,
    code: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    protected(account)
    hangs = threading.Event()
    if answer is None:
        monkeypatch.setattr(fleet_provisioning, "HOOK_SECONDS", 0.2)
        answers.next = lambda: (200, b"") if hangs.wait(20) else (500, b"")
    else:
        answers.next = lambda: answer
    with connected(account, claim(account), "factory-1") as device:
        offer = offered(device)
        told = _json(device, f"{PROVISION}/json", asking(offer), "rejected")
        assert (told["statusCode"], told["errorCode"]) == (status, code)
        hangs.set()
        assert account.iot.list_things()["things"] == []
        answers.next = lambda: (200, b'{"allowProvisioning":true}')
        assert _json(device, f"{PROVISION}/json", asking(offer), "accepted")["thingName"] == "device-7"


def test_a_list_is_a_hook(account: Account) -> None:
    protected(account, LIST)
    with connected(account, claim(account), "factory-1") as device:
        offer = offered(device)
        assert _json(device, f"{PROVISION}/json", asking(offer, "8"), "rejected")["errorCode"] == "AccessDenied"
        assert _json(device, f"{PROVISION}/json", asking(offer), "accepted")["thingName"] == "device-7"


def test_a_hook_that_nobody_configured(account: Account) -> None:
    unknown = HOOK + "2"
    with pytest.raises(ClientError, match=f"Access denied during lambda validation: {unknown}"):
        template(account, preProvisioningHook={"targetArn": unknown})


def temporary(account: Account) -> Credentials:
    made = account.iot.create_provisioning_claim(templateName="fleet")
    assert made["certificateId"] not in [
        each["certificateId"] for each in account.iot.list_certificates()["certificates"]
    ]
    return account.keep(
        account.arn(f"cert/{made['certificateId']}"), made["certificatePem"], made["keyPair"]["PrivateKey"]
    )


def test_a_claim_of_a_trusted_user(account: Account) -> None:
    fleet(account)
    template(account, "other")
    credentials = temporary(account)
    with connected(account, credentials, "phone") as device:
        offer = offered(device)
        assert _json(device, f"{PROVISION}/json", asking(offer), "accepted")["thingName"] == "device-7"
        assert device.publish("$aws/provisioning-templates/other/provision/json", b"{}") == -1
    own = account.keep(account.arn(f"cert/{offer['certificateId']}"), offer["certificatePem"], offer["privateKey"])
    comes_up(account, own)
    with connected(account, credentials, "phone") as device:
        move(account.server, advance=299)
        offered(device)
        move(account.server, advance=1)
        device.ended.get(timeout=PATIENCE)
    with pytest.raises(RefusedError):
        Device(account, credentials, "phone")


def test_a_certificate_that_nobody_claimed_within_the_hour(account: Account) -> None:
    fleet(account)
    with connected(account, claim(account), "factory-1") as device:
        offer = offered(device)
        assert (
            account.iot.describe_certificate(certificateId=offer["certificateId"])["certificateDescription"]["status"]
            == "PENDING_ACTIVATION"
        )
        move(account.server, advance=3600)
        told = _json(device, f"{PROVISION}/json", asking(offer), "rejected")
        assert told["errorMessage"] == "Certificate ownership token is invalid."
    with pytest.raises(ClientError, match="cannot be found"):
        account.iot.describe_certificate(certificateId=offer["certificateId"])


@pytest.mark.parametrize(("engine", "delay_s"), [("sqlite", 0.0), ("postgres", 0.004)])
def test_a_kill_between_the_hook_and_the_commit(
    engine: str,
    delay_s: float,
    maker: Maker,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All is done or nothing, and a device that asks again with its token is provisioned once."""
    store = "sqlite" if engine == "sqlite" else request.getfixturevalue("new_postgres")("tidegate-hook-kill")
    answers = Answers()
    with serving(answers) as url:
        monkeypatch.setenv("TIDEGATE_HOOK", f"{HOOK}={url}")
        server = Killable(tmp_path / "data", store)
        try:
            account = Account(server, maker, tmp_path)  # type: ignore[arg-type]
            account.id = "000000000000"  # whose hook it is
            account.policy()
            template(account, preProvisioningHook={"targetArn": HOOK})
            credentials, killed = claim(account), threading.Event()

            def kill() -> None:
                if not killed.is_set():
                    time.sleep(delay_s)  # the answer is on its way: before, in or after the transaction
                    server.kill()
                    killed.set()

            answers.after = kill
            with connected(account, credentials, "factory-1") as device:
                offer = offered(device)
                device.client.publish(f"{PROVISION}/json", json.dumps(asking(offer)), 1)
                assert killed.wait(PATIENCE)
            server.start()
            again = Account(server, maker, tmp_path)  # type: ignore[arg-type]
            again.id = account.id
            status = again.iot.describe_certificate(certificateId=offer["certificateId"])
            things = [each["thingName"] for each in again.iot.list_things()["things"]]
            done = (status["certificateDescription"]["status"], things)
            assert done in (("PENDING_ACTIVATION", []), ("ACTIVE", ["device-7"]))
            with connected(again, credentials, "factory-1") as device:
                told = _json(device, f"{PROVISION}/json", asking(offer), "accepted")
                assert told["thingName"] == "device-7"
            (principal,) = again.iot.list_thing_principals(thingName="device-7")["principals"]
            assert principal.endswith(offer["certificateId"])
        finally:
            server.kill()
