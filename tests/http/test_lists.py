"""Lists that are too long are refused before anything of them is judged."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.http.test_permissions import HEAD, Operator
from tests.servers import Started
from tidegate.core.iam.decisions import Asked, Decision
from tidegate.runtime.access_keys import Identity

TARGETS = [f"{HEAD}thing/t{number}" for number in range(101)]
TAGS = [{"Key": f"k{number}", "Value": ""} for number in range(51)]
GROUPS = [f"g{number}" for number in range(101)]
LIMIT, INVALID = "LimitExceededException", "InvalidRequestException"
REQUESTS: list[tuple[str, dict[str, Any], str, str]] = [
    ("create_job", {"jobId": "j", "document": "{}", "targets": TARGETS}, "targets", LIMIT),
    ("associate_targets_with_job", {"jobId": "j", "targets": TARGETS}, "targets", LIMIT),
    ("create_job", {"jobId": "j", "document": "{}", "targets": TARGETS[:1], "tags": TAGS}, "tags", LIMIT),
    ("create_thing_group", {"thingGroupName": "g", "tags": TAGS}, "tags", INVALID),
    ("tag_resource", {"resourceArn": f"{HEAD}job/j", "tags": TAGS}, "tags", LIMIT),
    (
        "untag_resource",
        {"resourceArn": f"{HEAD}job/j", "tagKeys": [tag["Key"] for tag in TAGS]},
        "tagKeys",
        INVALID,
    ),
    ("update_thing_groups_for_thing", {"thingName": "t", "thingGroupsToAdd": GROUPS}, "thingGroupsToAdd", INVALID),
    (
        "update_thing_groups_for_thing",
        {"thingName": "t", "thingGroupsToRemove": GROUPS},
        "thingGroupsToRemove",
        INVALID,
    ),
]


@pytest.mark.parametrize(("name", "members", "which", "code"), REQUESTS)
def test_the_limit_is_told_before_permissions_are_asked(
    guarded: Started, name: str, members: dict[str, Any], which: str, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    decide = Identity.decide

    def counted(self: Identity, question: Asked) -> Decision:
        asked.append(question)
        return decide(self, question)

    monkeypatch.setattr(Identity, "decide", counted)
    call = getattr(Operator(guarded, None).client(), name)
    with pytest.raises(ClientError, match=code):
        call(**members)
    assert not asked
    with pytest.raises(ClientError, match="AccessDeniedException"):
        call(**{**members, which: members[which][:-1]})
    assert asked


def test_of_a_list_far_too_long_nothing_else_is_judged(guarded: Started) -> None:
    """Up to a thousand entries their shape is told first, as on AWS."""
    client = Operator(guarded, None).client()
    wrong = [{"Key": "!", "Value": "!"}]
    for tags, code in ((wrong * 1000, INVALID), (wrong * 1001, INVALID)):
        with pytest.raises(ClientError, match=code) as refused:
            client.create_thing_group(thingGroupName="g", tags=tags)
        told = refused.value.response["Error"]["Message"]
        assert ("cannot have more than 50 tags" in told) is (len(tags) > 1000)


def test_a_target_named_often_is_one(guarded: Started) -> None:
    client = Operator(guarded, None).client()
    with pytest.raises(ClientError, match="AccessDeniedException"):
        client.create_job(jobId="j", document="{}", targets=TARGETS[:1] * 200)
