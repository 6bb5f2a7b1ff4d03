"""The AWS CLI's own habits: skeletons that are filled in and sent back, and pagers over long lists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore import xform_name
from botocore.model import OperationModel, Shape

from tests import servers
from tests.e2e import cli
from tests.e2e.cli import Aws
from tests.fuzz import shapes
from tests.wire.model_values import OPERATIONS, operation_model
from tidegate.ops.table import HANDLERS
from tidegate.wire.shapes import Operation

ARN = f"arn:aws:iot:{shapes.REGION}:{shapes.ACCOUNT}:"
REFUSED = re.compile(r"An error occurred \((\w+)\) when calling the (\w+) operation.*: .+", re.DOTALL)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[servers.Started]:
    with servers.started(servers.options(tmp_path_factory.mktemp("cli"))) as running:
        yield running


@pytest.fixture
def aws(server: servers.Started, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> Aws:
    return cli.aws(server, monkeypatch, capfd)


def filled(shape: Shape, skeleton: Any, name: str = "") -> Any:
    """A skeleton with sensible values instead of blanks; of a structure's members only those that are required."""
    if name in VALUES:
        return VALUES[name]
    if shape.type_name == "structure":
        wanted = [key for key in shape.required_members if key in skeleton]
        return {key: filled(shape.members[key], skeleton[key], key) for key in wanted}
    if shape.type_name == "list":
        return [filled(shape.member, skeleton[0] if skeleton else "", name)]
    if shape.type_name == "string":
        return shape.enum[0] if shape.enum else skeleton or "x"
    return skeleton


VALUES: dict[str, Any] = {
    name: known[0] for name, known in shapes.PLAUSIBLE.items() if isinstance(known[0], str) and known[0]
} | {"targets": [f"{ARN}thing/t1"], "clientToken": "x" * 36, "payload": "e30=", "inputFileBucket": "bucket"}


ANSWERED = [operation for operation in OPERATIONS if (operation.plane, operation.name) in HANDLERS]


@pytest.mark.parametrize("operation", ANSWERED, ids=lambda one: f"{one.plane}-{one.name}")
def test_every_skeleton_can_be_sent(operation: Operation, aws: Aws, tmp_path: Path) -> None:
    model = operation_model(operation)
    name = xform_name(operation.name, "-")
    if model.has_streaming_output or _blob(model):
        # The CLI wants a file for the answer, and with it every required argument by name: no skeleton will do.
        required = model.input_shape.required_members if model.input_shape else []
        arguments = [part for member in required for part in (f"--{xform_name(member, '-')}", VALUES[member])]
        code, output, errors = aws(operation.plane, name, *arguments, str(tmp_path / "payload"))
    else:
        code, output, errors = aws(operation.plane, name, "--generate-cli-skeleton")
        assert (code, errors) == (0, "")
        request = filled(model.input_shape, json.loads(output)) if model.input_shape else {}
        code, output, errors = aws(operation.plane, name, "--cli-input-json", json.dumps(request))
    if code:
        refusal = REFUSED.search(errors)
        assert refusal, errors
        known = {shape.metadata.get("error", {}).get("code", shape.name) for shape in model.error_shapes}
        assert refusal[2] == operation.name
        assert refusal[1] in known, errors


def _blob(model: OperationModel) -> bool:
    """Operations whose answer is a file: the CLI wants to know where to."""
    return model.output_shape is not None and "payload" in model.output_shape.serialization


SETTINGS = {
    "jobExecutionsRolloutConfig": {
        "maximumPerMinute": 100,
        "exponentialRate": {
            "baseRatePerMinute": 5,
            "incrementFactor": 1.5,
            "rateIncreaseCriteria": {"numberOfNotifiedThings": 5, "numberOfSucceededThings": 5},
        },
    },
    "abortConfig": {
        "criteriaList": [
            {"failureType": "FAILED", "action": "CANCEL", "thresholdPercentage": 12.5, "minNumberOfExecutedThings": 10}
        ]
    },
    "timeoutConfig": {"inProgressTimeoutInMinutes": 60},
    "jobExecutionsRetryConfig": {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 3}]},
}


def test_a_whole_template_comes_back_as_it_was_filled_in(aws: Aws) -> None:
    _, output, _ = aws("iot", "create-job-template", "--generate-cli-skeleton")
    skeleton = json.loads(output)
    request = {
        **skeleton,
        **SETTINGS,
        "jobTemplateId": "whole",
        "description": "All of it",
        "document": '{"operation":"install"}',
        "presignedUrlConfig": {"roleArn": "arn:aws:iam::000000000000:role/read", "expiresInSec": 300},
        "maintenanceWindows": [{"startTime": "cron(0 2 * * ? *)", "durationInMinutes": 60}],
        "tags": [{"Key": "team", "Value": "fleet"}],
    }
    for other in ("jobArn", "documentSource", "destinationPackageVersions"):  # one source of the document is enough
        del request[other]
    code, output, errors = aws("iot", "create-job-template", "--cli-input-json", json.dumps(request))
    assert (code, errors) == (0, "")
    assert json.loads(output) == {"jobTemplateArn": f"{ARN}jobtemplate/whole", "jobTemplateId": "whole"}
    _, output, _ = aws("iot", "describe-job-template", "--job-template-id", "whole")
    shown = json.loads(output)
    sent = {key: value for key, value in request.items() if key != "tags"}
    assert {key: shown[key] for key in sent} == sent
    _, output, _ = aws("iot", "list-tags-for-resource", "--resource-arn", f"{ARN}jobtemplate/whole")
    assert json.loads(output)["tags"] == request["tags"]
    code, _, errors = aws("iot", "create-job-template", "--cli-input-json", json.dumps(request))
    assert code
    assert "(ConflictException) when calling the CreateJobTemplate operation" in errors


def test_a_whole_job_comes_back_as_it_was_filled_in(aws: Aws) -> None:
    for arguments in (["create-thing", "--thing-name", "cli"], ["create-thing-group", "--thing-group-name", "cli"]):
        assert aws("iot", *arguments)[0] == 0
    _, output, _ = aws("iot", "create-job", "--generate-cli-skeleton")
    request = {
        **json.loads(output),
        **SETTINGS,
        "jobId": "whole",
        "targets": [f"{ARN}thing/cli", f"{ARN}thinggroup/cli"],
        "document": '{"operation":"install"}',
        "description": "All of it",
        "presignedUrlConfig": {"roleArn": "arn:aws:iam::000000000000:role/read", "expiresInSec": 300},
        "targetSelection": "CONTINUOUS",
        "tags": [{"Key": "team", "Value": "fleet"}],
        "namespaceId": "agents",
        "schedulingConfig": {"maintenanceWindows": [{"startTime": "0 2 * * ? *", "durationInMinutes": 60}]},
    }
    for other in ("documentSource", "jobTemplateArn", "documentParameters", "destinationPackageVersions"):
        del request[other]
    code, output, errors = aws("iot", "create-job", "--cli-input-json", json.dumps(request))
    assert (code, errors) == (0, "")
    assert json.loads(output) == {"jobArn": f"{ARN}job/whole", "jobId": "whole", "description": "All of it"}
    _, output, _ = aws("iot", "describe-job", "--job-id", "whole")
    shown = json.loads(output)["job"]
    sent = {key: value for key, value in request.items() if key not in ("tags", "document")}
    assert {key: shown[key] for key in sent} == sent
    assert shown["status"] == "SCHEDULED"
    assert len(shown["scheduledJobRollouts"]) == 7
    _, output, _ = aws("iot", "get-job-document", "--job-id", "whole")
    assert json.loads(output) == {"document": request["document"]}
