"""The table of the device plane: which topic is which operation."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core import permissions
from tidegate.devices import topics
from tidegate.devices.route import NOWHERE, Asked, Demand, Family, Route, answers_are_ours
from tidegate.devices.table import FAMILIES, TABLE, Table
from tidegate.mqtt.reserved import Kind
from tidegate.mqtt.topics import matches, valid_filter
from tidegate.ops.handler import Read

P = "$aws/things/lamp:1/jobs"


def asked(topic: str) -> Asked:
    found = TABLE.find(topic)
    assert isinstance(found, Asked)
    return found


@pytest.mark.parametrize(
    ("topic", "operation", "job_id", "namespace"),
    [
        (f"{P}/get", "GetPendingJobExecutions", None, None),
        (f"{P}/start-next", "StartNextPendingJobExecution", None, None),
        (f"{P}/j1/get", "DescribeJobExecution", "j1", None),
        (f"{P}/$next/get", "DescribeJobExecution", None, None),
        (f"{P}/j1/update", "UpdateJobExecution", "j1", None),
        (f"{P}/get/get", "DescribeJobExecution", "get", None),
        (f"{P}/notify/update", "UpdateJobExecution", "notify", None),
        (f"{P}/accepted/get", "DescribeJobExecution", "accepted", None),
        (f"{P}/$next/namespace-aws-gg-deployment/get", "DescribeJobExecution", None, "aws-gg-deployment"),
        (f"{P}/j1/namespace-aws-gg-deployment/update", "UpdateJobExecution", "j1", "aws-gg-deployment"),
    ],
)
def test_request_topics(topic: str, operation: str, job_id: str | None, namespace: str | None) -> None:
    found = asked(topic)
    assert found.route.operation == ("iot-jobs-data", operation)
    wanted = {"thingName": "lamp:1", "jobId": job_id, "namespace": namespace}
    assert found.labels == {label: value for label, value in wanted.items() if value is not None}
    assert not found.seen
    assert topics.accepted(topic) == topic + "/accepted"
    assert topics.rejected(topic) == topic + "/rejected"


@pytest.mark.parametrize(
    "topic",
    [
        f"{P}/",
        f"{P}/Get",
        f"{P}/update",
        f"{P}/$next/update",
        f"{P}/$next/namespace-x/update",
        f"{P}/$other/get",
        f"{P}/j1/",
        f"{P}/j1/start-next",
        f"{P}/j.1/get",
        f"{P}/{'j' * 65}/get",
        f"{P}/j1/get/more",
        f"{P}/j1/namespace-/get",
        f"{P}/notifications",
        "$aws/things/a b/jobs/get",
        f"$aws/things/{'t' * 129}/jobs/get",
    ],
)
def test_topics_under_jobs_that_mean_nothing(topic: str) -> None:
    found = asked(topic)
    assert found.route is NOWHERE
    assert not found.by_will


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        (f"{P}/notify", Kind.DENIED),
        (f"{P}/notify-next", Kind.DENIED),
        (f"{P}/notify-namespace-aws-gg-deployment", Kind.DENIED),
        (f"{P}/notify-next-namespace-aws-gg-deployment", Kind.DENIED),
        (f"{P}/get/accepted", Kind.DENIED),
        (f"{P}/j1/update/rejected", Kind.DENIED),
        ("$aws/events/job/j1/completed", Kind.DENIED),
        ("$aws/things/t/shadow/update/delta", Kind.DENIED),
        ("$aws/things/t/shadow/name/n/update/documents", Kind.DENIED),
        ("$aws/things/t/tunnels/notify", Kind.DENIED),
        ("$aws/certificates/create/json/accepted", Kind.DENIED),
        ("$aws/things/t/shadow/put", Kind.DROPPED),
        ("$aws/things/t/defender/metrics/json", Kind.DROPPED),
        ("$aws/rules/r/a/b/accepted", Kind.DROPPED),
        ("$aws/certificates/create/xml", Kind.DROPPED),
        ("$aws/provisioning-templates/x/provision/xml", Kind.DROPPED),
        ("$aws/commands/things/t/executions/e/response/accepted/json", Kind.DENIED),
        ("$aws/commands/clients/t/executions/e/response/rejected/cbor", Kind.DENIED),
        ("$aws/commands/things/t/executions/e/request", Kind.DENIED),
        ("$aws/commands/things/t/executions/e/request/json", Kind.DENIED),
        ("$aws/things/t/jobs", Kind.DENIED),
        ("$aws/things/t/other/x", Kind.DENIED),
        ("$aws/other/x", Kind.DENIED),
        ("$SYS/broker", Kind.DENIED),
        ("$aws", Kind.DENIED),
        ("a/b", Kind.ORDINARY),
        ("aws/things/t/jobs/get", Kind.ORDINARY),
    ],
)
def test_families(topic: str, kind: Kind) -> None:
    assert TABLE.find(topic) is kind


@pytest.mark.parametrize(
    ("topic_filter", "interest"),
    [
        (f"{P}/notify", "lamp:1"),
        (f"{P}/notify-next", "lamp:1"),
        (f"{P}/notify-next-namespace-aws-gg-deployment", "lamp:1"),
        (f"{P}/#", "lamp:1"),
        (f"{P}/+", "lamp:1"),
        (f"$share/g/{P}/notify", "lamp:1"),
        ("$aws/things/lamp:1/#", "lamp:1"),
        ("$aws/things/+/jobs/notify", topics.EVERY_THING),
        ("$aws/things/#", topics.EVERY_THING),
        ("$aws/#", topics.EVERY_THING),
        ("$aws/+/+/+/+", topics.EVERY_THING),
        ("#", None),
        ("+/things/t/jobs/notify", None),
        (f"{P}/get/accepted", None),
        (f"{P}/+/update/accepted", None),
        (f"{P}/notify/#", None),
        ("$aws/things/t/shadow/#", None),
        ("a/b", None),
    ],
)
def test_whose_notices_a_filter_reaches(topic_filter: str, interest: str | None) -> None:
    assert topics.notify_interest(topic_filter) == interest


def test_notice_topics() -> None:
    assert topics.notify("t") == "$aws/things/t/jobs/notify"
    assert topics.notify("t", "x") == "$aws/things/t/jobs/notify-namespace-x"
    assert topics.notify_next("t") == "$aws/things/t/jobs/notify-next"
    assert topics.notify_next("t", "x") == "$aws/things/t/jobs/notify-next-namespace-x"


@given(st.text(alphabet="a/$+#-", max_size=12), st.sampled_from(["", "$aws/things/t/jobs/", "$aws/things/"]))
def test_classifying_never_fails(tail: str, head: str) -> None:
    assert isinstance(TABLE.find(head + tail), Asked | Kind)


@pytest.mark.parametrize(
    ("topic", "found"),
    [
        ("$aws/things/t:1/shadow/get", ("t:1", "", "get")),
        ("$aws/things/t/shadow/update", ("t", "", "update")),
        ("$aws/things/t/shadow/delete", ("t", "", "delete")),
        ("$aws/things/t/shadow/name/$package/update", ("t", "$package", "update")),
        (f"$aws/things/t/shadow/name/{'n' * 64}/get", ("t", "n" * 64, "get")),
        (f"$aws/things/t/shadow/name/{'n' * 65}/get", None),
        (f"$aws/things/{'t' * 129}/shadow/get", None),
        ("$aws/things/t/shadow/name//get", None),
        ("$aws/things/t/shadow/name/get", None),
        ("$aws/things/t/shadow/update/accepted", None),
        ("$aws/things/t/shadow/update/delta", None),
        ("$aws/things/t/shadow/name/a/b/get", None),
        ("$aws/things/t/shadow", None),
        ("$aws/things/t/jobs/get", None),
        ("$aws/things/t/shadow/get\n", None),
    ],
)
def test_shadow_requests(topic: str, found: tuple[str, str, str] | None) -> None:
    request = TABLE.find(topic)
    if found is None:
        assert not isinstance(request, Asked) or request.family.root != "things/shadow"
        return
    assert isinstance(request, Asked)
    assert request.seen
    assert (request.labels["thingName"], request.labels.get("shadowName", "")) == found[:2]
    assert request.route.operation == ("iot-data", f"{found[2].capitalize()}ThingShadow")


levels = st.lists(st.sampled_from(["a", "b", "", "$aws"]), min_size=1, max_size=4).map("/".join)
filters = (st.lists(st.sampled_from(["a", "b", "+", "", "$aws", "#"]), min_size=1, max_size=4).map("/".join)).filter(
    valid_filter
)


@given(filters, levels)
def test_interest_covers_what_matches(topic_filter: str, topic: str) -> None:
    notice = topics.notify("t")
    if matches(topic_filter, notice):
        assert topics.notify_interest(topic_filter) in ("t", topics.EVERY_THING)


def test_every_row_names_an_operation_and_its_family() -> None:
    for family in FAMILIES:
        where = family.root.replace("things/", "things/{thingName}/")
        for route in family.routes:
            assert (route.operation in permissions.OPERATIONS) != bool(route.resources)
            assert route.template.startswith(f"$aws/{where}/")
            assert family.refuse is not None


PING = Family(
    "x",
    answers_are_ours,
    routes=(
        Route(
            "$aws/x/{thingName}/ping/{format}",
            ("iot", "DescribeEndpoint"),
            lambda _asked, payload: Demand(Read(lambda _tx, _call, request: request), payload),
            lambda asked, _now, _token, response: ((f"{asked.topic}/accepted", response),),
        ),
    ),
)


def test_a_row_with_a_format_takes_each_of_them() -> None:
    table = Table([PING])
    for name in ("json", "cbor"):
        found = table.find(f"$aws/x/lamp/ping/{name}")
        assert isinstance(found, Asked)
        assert (found.format, found.labels["thingName"]) == (name, "lamp")
    assert table.find("$aws/x/lamp/ping/xml") is Kind.DROPPED
    assert table.find("$aws/x/lamp/ping/json/accepted") is Kind.DENIED
    assert asked(f"{P}/get").format == "json"
