"""``POST /_tidegate/forecast``: the same words as the command's, for whoever may ask."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.http.test_permissions import SECRET, Operator, document
from tests.servers import Started, options, started
from tidegate.http import forecasts

pytest.importorskip("numpy")

_PATH = "/_tidegate/forecast"


def ask(server: Started, body: Any) -> tuple[int, Any]:
    status, headers, answer = server.fetch(_PATH, "POST", body)
    assert headers["content-type"] == "application/json"
    return status, json.loads(answer)


def test_a_forecast_of_a_request(server: Started) -> None:
    request = {"document": "{}", "jobExecutionsRolloutConfig": {"maximumPerMinute": 10}}
    asked = {"request": request, "things": 100, "runs": 3, "model": {"run": "1m"}, "failIf": ["p10 > 5m", "p90 > 2d"]}
    status, told = ask(server, asked)
    assert (status, told["things"], told["runs"]) == (200, 100, 3)
    assert told["curve"]["released"][:3] == [10, 20, 30]
    assert told["outcomes"]["SUCCEEDED"] == {"p10": 100, "p50": 100, "p90": 100}
    assert [each.partition(":")[0] for each in told["failed"]] == ["p10 > 5m"]
    assert "Nothing stops it: it has no abort criterion." in told["findings"]


def test_a_forecast_of_a_job_and_of_what_it_taught(server: Started) -> None:
    own = {"region_name": server.addresses.region}
    iot, device = server.client("iot", **own), server.client("iot-jobs-data", **own)
    targets = [iot.create_thing(thingName=f"t{number}")["thingArn"] for number in range(4)]
    iot.create_job(jobId="j", targets=targets, document="{}")
    for number in range(3):
        device.start_next_pending_job_execution(thingName=f"t{number}")
        device.update_job_execution(thingName=f"t{number}", jobId="j", status="SUCCEEDED")
    status, told = ask(server, {"job": "j", "fromJobs": ["j"], "runs": 2})
    assert status == 200, told
    assert (status, told["things"], told["endedAfter"]["50"]["p50"]) == (200, 4, 0.0)
    assert told["outcomes"]["SUCCEEDED"]["p50"] == 1, "three are through"


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        (b"{", 400, "The body is not JSON"),
        ([], 400, "Give a JSON object."),
        ({"thing": 5, "runs": "3", "fromJobs": [1]}, 400, "fromJobs takes a list of texts. runs takes a number."),
        ({"request": {}, "things": 5, "runs": 101, "days": 91}, 400, "runs is from 1 to 100 here"),
        ({"request": {}, "things": 5, "model": {"onlin": 1}}, 400, "There is no onlin"),
        ({"request": {}, "things": 5, "failIf": ["p90"]}, 400, "is no condition"),
        ({"request": {}, "things": 5_000_000}, 400, "in all runs together"),
        ({"request": {}}, 400, "for how many things"),
        ({"job": "none"}, 404, "none"),
        (
            {"request": {"timeoutConfig": {"inProgressTimeoutInMinutes": 0}}, "things": 1},
            400,
            "inProgressTimeoutInMinutes",
        ),
    ],
)
def test_what_is_refused(server: Started, asked: Any, status: int, told: str) -> None:
    answered, body = ask(server, asked)
    assert answered == status
    assert told in body["message"]


def test_what_takes_too_long_is_refused(server: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasts, "_LONGEST_S", -1)
    status, told = ask(server, {"request": {}, "things": 5})
    assert (status, told["message"]) == (400, "This takes longer than -1 s; `tidegate forecast` takes more.")


def test_forecasting_is_a_permission(tmp_path_factory: pytest.TempPathFactory) -> None:
    with started(options(tmp_path_factory.mktemp("forecast"), auth=True)) as server:
        body = json.dumps({"request": {}, "things": 5, "runs": 1}).encode()

        def asked(operator: Operator) -> int:
            request = AWSRequest("POST", server.addresses.http + _PATH, data=body)
            SigV4Auth(Credentials(operator.key_id, SECRET), "iot", "eu-west-1").add_auth(request)
            return server.fetch(_PATH, "POST", body, dict(request.headers.items()))[0]

        assert server.fetch(_PATH, "POST", body)[0] == 403
        assert asked(Operator(server, document(("Allow", "iot:*", "*")))) == 403
        assert asked(Operator(server, document(("Allow", "tidegate:Forecast", "*")))) == 200
