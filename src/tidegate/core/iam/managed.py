"""Policies that come with the product, by name; ``tidegate access attach-policy`` takes them without a file."""

from __future__ import annotations

from typing import Final

ADMINISTRATOR: Final = "AdministratorAccess"


def _document(*actions: str) -> str:
    listed = ", ".join(f'"{action}"' for action in actions)
    return f'{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow", "Action": [{listed}], "Resource": "*"}}]}}'


POLICIES: Final[dict[str, str]] = {
    ADMINISTRATOR: _document("*"),
    "AWSIoTFullAccess": _document("iot:*", "iotjobsdata:*"),
    "ReadOnlyAccess": _document(
        "iot:Describe*",
        "iot:Get*",
        "iot:List*",
        "iot:SearchIndex",
        "iot:TestAuthorization",
        "iotjobsdata:DescribeJobExecution",
        "iotjobsdata:GetPendingJobExecutions",
    ),
}
