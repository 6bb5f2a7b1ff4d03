"""Topic rules as tables."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st

from tidegate.mqtt import topics


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


levels = st.lists(st.sampled_from(["a", "b", "", "$aws"]), min_size=1, max_size=4).map("/".join)
filters = (st.lists(st.sampled_from(["a", "b", "+", "", "$aws", "#"]), min_size=1, max_size=4).map("/".join)).filter(
    topics.valid_filter
)
