"""A server with ``--auth on``: signatures by real clients, certificates beside them."""

from __future__ import annotations

import http.client
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as Keys
from botocore.exceptions import ClientError

from tests.e2e.fleet import PATIENCE, REGION, Account, Maker, client
from tests.e2e.mqtt import connected
from tests.operators import admitted
from tests.servers import Started

SECRET = "a-secret-of-forty-characters-0123456789"
_numbers = itertools.count(900)


@pytest.fixture
def key_id(guarded: Started) -> str:
    """An access key of an account of its own."""
    number = next(_numbers)
    made = f"AKIA{number:016d}"
    admitted(guarded, made, SECRET, f"arn:aws:iam::{number:012d}:user/operator")
    return made


@pytest.fixture
def account(guarded: Started, key_id: str, maker: Maker, tmp_path: Path) -> Account:
    found = Account(guarded, maker, tmp_path)
    found.id = key_id[-12:]
    found.__dict__["iot"] = client(guarded, "iot", key_id, SECRET)
    found.__dict__["data"] = client(guarded, "iot-jobs-data", key_id, SECRET)
    return found


def _refusal(call: Any, **members: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call(**members)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]


def test_signed_requests_run_a_job(account: Account) -> None:
    """Both services on one address; a name whose path is escaped twice in the signature."""
    thing = account.thing("a:b")
    assert thing == account.arn("thing/a:b")
    account.iot.create_job(jobId="j", targets=[thing], document='{"a":"é"}', description="ä")
    account.settle()
    begun = account.data.start_next_pending_job_execution(thingName="a:b")["execution"]
    assert (begun["jobId"], begun["jobDocument"]) == ("j", '{"a":"é"}')
    account.data.update_job_execution(thingName="a:b", jobId="j", status="SUCCEEDED")
    found = account.iot.list_job_executions_for_thing(thingName="a:b", status="SUCCEEDED", jobId="j")
    assert len(found["executionSummaries"]) == 1


def test_wrong_signatures_are_refused(guarded: Started, key_id: str) -> None:
    assert _refusal(client(guarded, "iot", key_id, "wrong").list_jobs) == (403, "InvalidSignatureException")
    assert _refusal(client(guarded, "iot", "AKIANOBODY", SECRET).list_jobs) == (403, "UnrecognizedClientException")
    assert _refusal(client(guarded, "iot-jobs-data", key_id, "wrong").get_pending_job_executions, thingName="t") == (
        403,
        "InvalidSignatureException",
    )
    assert client(guarded, "iot", key_id, SECRET).list_jobs()["jobs"] == []


def _plain(server: Started, method: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, str | None]:
    connection = http.client.HTTPConnection(server.addresses.http.rpartition("//")[2], timeout=PATIENCE)
    connection.request(method, path, headers=headers or {})
    response = connection.getresponse()
    response.read()
    connection.close()
    return response.status, response.getheader("x-amzn-ErrorType")


def test_unsigned_requests_are_refused(guarded: Started) -> None:
    assert _plain(guarded, "GET", "/jobs") == (403, "MissingAuthenticationTokenException:")
    status, _, body = guarded.fetch("/_tidegate/reset", "POST")
    assert (status, json.loads(body)) == (
        403,
        {"message": "Only a server that runs with --auth off can be reset."},
    )
    assert guarded.fetch("/_tidegate/health")[0] == 200


def test_a_presigned_url_is_taken_once_it_is_whole(guarded: Started, key_id: str) -> None:
    request = AWSRequest("GET", f"{guarded.addresses.http}/jobs?maxResults=5")
    SigV4QueryAuth(Keys(key_id, SECRET), "iot", REGION, expires=60).add_auth(request)
    path = request.url.removeprefix(guarded.addresses.http)
    assert _plain(guarded, "GET", path) == (200, None)
    assert _plain(guarded, "GET", path.replace("maxResults=5", "maxResults=6")) == (403, "InvalidSignatureException:")


@pytest.mark.parametrize("name", ["%00", "a%00", "x" * 5000, "%F0%9F%98%80"])
def test_key_ids_that_are_none(guarded: Started, name: str) -> None:
    request = AWSRequest("GET", f"{guarded.addresses.http}/jobs")
    SigV4QueryAuth(Keys("AKIATEST", SECRET), "iot", REGION, expires=60).add_auth(request)
    path = request.url.removeprefix(guarded.addresses.http).replace("AKIATEST", name)
    assert _plain(guarded, "GET", path) == (403, "UnrecognizedClientException:")


def test_devices_need_no_signature(account: Account) -> None:
    with connected(account, account.device("t"), "t") as device:
        account.job("j", "t")
        assert device.accepted("start-next")["execution"]["jobId"] == "j"
        device.accepted("j/update", status="SUCCEEDED")
    assert account.status("j") == "COMPLETED"
