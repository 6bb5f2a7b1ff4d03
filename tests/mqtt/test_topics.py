"""Topic rules as tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.mqtt import topics
from tidegate.mqtt.topics import InvalidTopic, JobsRequest, Kind, Operation

P = "$aws/things/lamp:1/jobs"


@pytest.mark.parametrize(
    ("topic", "operation", "job_id", "namespace"),
    [
        (f"{P}/get", Operation.GET_PENDING, None, None),
        (f"{P}/start-next", Operation.START_NEXT, None, None),
        (f"{P}/j1/get", Operation.DESCRIBE, "j1", None),
        (f"{P}/$next/get", Operation.DESCRIBE, "$next", None),
        (f"{P}/j1/update", Operation.UPDATE, "j1", None),
        (f"{P}/get/get", Operation.DESCRIBE, "get", None),
        (f"{P}/notify/update", Operation.UPDATE, "notify", None),
        (f"{P}/accepted/get", Operation.DESCRIBE, "accepted", None),
        (f"{P}/$next/namespace-aws-gg-deployment/get", Operation.DESCRIBE, "$next", "aws-gg-deployment"),
        (f"{P}/j1/namespace-aws-gg-deployment/update", Operation.UPDATE, "j1", "aws-gg-deployment"),
    ],
)
def test_request_topics(topic: str, operation: Operation, job_id: str | None, namespace: str | None) -> None:
    assert topics.classify(topic) == JobsRequest(topic, "lamp:1", operation, job_id, namespace)
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
    assert topics.classify(topic) == InvalidTopic(topic)


@pytest.mark.parametrize(
    ("topic", "kind"),
    [
        (f"{P}/notify", Kind.SERVER_ONLY),
        (f"{P}/notify-next", Kind.SERVER_ONLY),
        (f"{P}/notify-namespace-aws-gg-deployment", Kind.SERVER_ONLY),
        (f"{P}/notify-next-namespace-aws-gg-deployment", Kind.SERVER_ONLY),
        (f"{P}/get/accepted", Kind.SERVER_ONLY),
        (f"{P}/j1/update/rejected", Kind.SERVER_ONLY),
        ("$aws/events/job/j1/completed", Kind.SERVER_ONLY),
        ("$aws/things/t/shadow/update/delta", Kind.SERVER_ONLY),
        ("$aws/things/t/shadow/name/n/update/documents", Kind.SERVER_ONLY),
        ("$aws/things/t/tunnels/notify", Kind.SERVER_ONLY),
        ("$aws/certificates/create/json/accepted", Kind.SERVER_ONLY),
        ("$aws/things/t/shadow/get", Kind.RESERVED),
        ("$aws/things/t/shadow/name/n/update", Kind.RESERVED),
        ("$aws/things/t/defender/metrics/json", Kind.RESERVED),
        ("$aws/rules/r/a/b/accepted", Kind.RESERVED),
        ("$aws/certificates/create/json", Kind.RESERVED),
        ("$aws/provisioning-templates/x/provision/json", Kind.RESERVED),
        ("$aws/commands/things/t/executions/e/response/json", Kind.RESERVED),
        ("$aws/things/t/jobs", Kind.UNKNOWN),
        ("$aws/things/t/other/x", Kind.UNKNOWN),
        ("$aws/other/x", Kind.UNKNOWN),
        ("$SYS/broker", Kind.UNKNOWN),
        ("$aws", Kind.UNKNOWN),
        ("a/b", Kind.ORDINARY),
        ("aws/things/t/jobs/get", Kind.ORDINARY),
    ],
)
def test_families(topic: str, kind: Kind) -> None:
    assert topics.classify(topic) is kind


@pytest.mark.parametrize(
    ("topic_filter", "topic", "matched"),
    [
        ("a/b", "a/b", True),
        ("a/b", "a/B", False),
        ("sensor/#", "sensor", False),
        ("sensor/#", "sensor/", True),
        ("sensor/#", "sensor/a", True),
        ("sensor/#", "sensor/a/b", True),
        ("sensor/+", "sensor", False),
        ("sensor/+", "sensor/", True),
        ("sensor/+", "sensor/a/b", False),
        ("+/a", "/a", True),
        ("+/+/c/#", "a/b/c/d", True),
        ("+/+/c/#", "a/b/c", False),
        ("#", "a", True),
        ("#", "a/b", True),
        ("#", "$aws/things/t/jobs/notify", False),
        ("+/things/t/jobs/notify", "$aws/things/t/jobs/notify", False),
        ("$aws/things/+/jobs/#", "$aws/things/t/jobs/notify", True),
        ("$aws/#", "$aws/things/t/jobs/notify", True),
    ],
)
def test_matching(topic_filter: str, topic: str, matched: bool) -> None:
    assert topics.matches(topic_filter, topic) is matched


@pytest.mark.parametrize(
    ("name", "as_topic", "as_filter"),
    [
        ("a", True, True),
        ("", False, False),
        ("/", True, True),
        ("a/b/c/d/e/f/g/h", True, True),
        ("a/b/c/d/e/f/g/h/i", False, False),
        ("x" * 256, True, True),
        ("x" * 257, False, False),
        ("é" * 128, True, True),
        ("é" * 129, False, False),
        ("$aws/rules/r/a/b/c/d/e/f/g/h", True, True),
        ("a/+", False, True),
        ("a/#", False, True),
        ("#", False, True),
        ("a/#/b", False, False),
        ("a+", False, False),
        ("a/b#", False, False),
        ("$share/g/a/b/c/d/e/f/g/h", False, True),
        ("$share/g/", True, False),
        ("$share/g", True, False),
        ("$share//a", True, False),
        ("$share/g+/a", False, False),
        (f"$share/{'g' * 129}/a", True, False),
        ("$aws/things/t/shadow/name/s/update/accepted", True, True),
        ("$aws/commands/things/t/executions/e/response/accepted/json", False, True),
        ("$aws/commands/things/t/executions/+/response/+/cbor", False, True),
    ],
)
def test_validity(name: str, as_topic: bool, as_filter: bool) -> None:
    assert topics.valid_topic(name) is as_topic
    assert topics.valid_filter(name) is as_filter


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
    found = topics.classify(head + tail)
    assert isinstance(found, JobsRequest | InvalidTopic | Kind)


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
    request = topics.shadow_request(topic)
    if request is None:
        assert found is None
    else:
        assert (request.thing_name, request.shadow_name, request.operation) == found
        assert topics.classify(topic) is Kind.RESERVED


levels = st.lists(st.sampled_from(["a", "b", "", "$aws"]), min_size=1, max_size=4).map("/".join)
filters = (st.lists(st.sampled_from(["a", "b", "+", "", "$aws", "#"]), min_size=1, max_size=4).map("/".join)).filter(
    topics.valid_filter
)


@given(filters, levels)
def test_interest_covers_what_matches(topic_filter: str, topic: str) -> None:
    notice = topics.notify("t")
    if topics.matches(topic_filter, notice):
        assert topics.notify_interest(topic_filter) in ("t", topics.EVERY_THING)
