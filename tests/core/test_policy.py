"""Tables from device reference 8, and properties of the evaluation."""

from __future__ import annotations

import fnmatch
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core import policy

ARN = "arn:aws:iot:eu-west-1:123456789012:"
THING = "${iot:Connection.Thing.ThingName}"


def statement(effect: str = "Allow", action: Any = "iot:*", resource: Any = "*", **members: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": resource, **members}


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def bound(*statements: dict[str, Any], **context: Any) -> policy.Bound:
    return policy.bind([policy.parse(document(*statements), "p")], context.pop("context", context))


LEAST_PRIVILEGE = document(
    statement(action="iot:Connect", resource=f"{ARN}client/{THING}"),
    statement(action="iot:Publish", resource=f"{ARN}topic/$aws/things/{THING}/jobs/*"),
    statement(action="iot:Subscribe", resource=f"{ARN}topicfilter/$aws/things/{THING}/jobs/*"),
    statement(action="iot:Receive", resource=f"{ARN}topic/$aws/things/{THING}/jobs/*"),
)


@pytest.mark.parametrize(
    ("action", "resource", "allowed"),
    [
        ("iot:Connect", "client/t1", True),
        ("iot:Connect", "client/t2", False),
        ("iot:Connect", "client/t1x", False),
        ("iot:Publish", "topic/$aws/things/t1/jobs/get", True),
        ("iot:publish", "topic/$aws/things/t1/jobs/j1/update", True),
        ("iot:Publish", "topic/$aws/things/t2/jobs/get", False),
        ("iot:Publish", "topic/$aws/things/t1/shadow/update", False),
        ("iot:Publish", "topicfilter/$aws/things/t1/jobs/get", False),
        ("iot:Subscribe", "topicfilter/$aws/things/t1/jobs/#", True),
        ("iot:Subscribe", "topicfilter/$aws/things/+/jobs/#", False),
        ("iot:Subscribe", "topicfilter/$aws/things/t1/#", False),
        ("iot:Receive", "topic/$aws/things/t1/jobs/notify-next", True),
        ("iot:RetainPublish", "topic/$aws/things/t1/jobs/get", False),
    ],
)
def test_the_least_privilege_policy(action: str, resource: str, allowed: bool) -> None:
    device = policy.bind([policy.parse(LEAST_PRIVILEGE)], {"iot:Connection.Thing.ThingName": "t1"})
    assert device.allows(action, ARN + resource) is allowed
    assert device.allows(action, ARN + resource) is allowed  # from the cache
    assert device.decide(action, ARN + resource).allowed is allowed
    assert device.skipped == ()


def test_without_a_thing_the_least_privilege_policy_allows_nothing() -> None:
    device = policy.bind([policy.parse(LEAST_PRIVILEGE, "jobs")], {"iot:ClientId": "t1"})
    assert not device.allows("iot:Connect", ARN + "client/t1")
    assert not device.allows("iot:Connect", ARN + "client/")
    assert [skipped.statement for skipped in device.skipped] == [0, 1, 2, 3]
    assert device.skipped[0].reason == "${iot:Connection.Thing.ThingName} has no value"


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        # device reference 8.2 rule 4: MQTT wildcards are ordinary characters
        ("topicfilter/a/*", "topicfilter/a/#", True),
        ("topicfilter/a/*", "topicfilter/a/+/b", True),
        ("topicfilter/a/*", "topicfilter/a/b/c/d", True),
        ("topicfilter/a/*", "topicfilter/a", False),
        ("topicfilter/a/+/b", "topicfilter/a/+/b", True),
        ("topicfilter/a/+/b", "topicfilter/a/x/b", False),
        ("topicfilter/a/#", "topicfilter/a/b", False),
        ("topicfilter/a/+", "topicfilter/a/+", True),
        ("topicfilter/$share/g/a/*", "topicfilter/$share/g/a/b", True),
        ("topicfilter/a/*", "topicfilter/$share/g/a/b", False),
        ("topic/a?c", "topic/abc", True),
        ("topic/a?c", "topic/a/c", True),
        ("topic/a?c", "topic/ac", False),
        ("topic/a?c", "topic/abbc", False),
        ("topic/*/x/*", "topic/a/b/x/y", True),
        ("topic/*/x/*", "topic/a/b/y", False),
        ("topic/*ab", "topic/aab", True),
        ("topic/*ab*ab", "topic/ab", False),
        ("topic/*a?b*c", "topic/xaab-ayb-c", True),
        ("topic/$aws/things/t/*", "topic/$aws/things/t/x", True),
        ("topic/${*}", "topic/*", True),
        ("topic/${*}", "topic/x", False),
        ("topic/${?}", "topic/?", True),
        ("topic/${?}", "topic/x", False),
        ("topic/${$}{iot:ClientId}", "topic/${iot:ClientId}", True),
        ("Topic/a", "topic/a", False),
        ("topic/*", "topic/a\nb", True),
    ],
)
def test_resource_patterns(pattern: str, text: str, matches: bool) -> None:
    device = bound(statement(resource=ARN + pattern), context={"iot:ClientId": "c"})
    assert device.allows("iot:Publish", ARN + text) is matches


@pytest.mark.parametrize(
    ("action", "asked", "matches"),
    [
        ("iot:Publish", "IOT:publish", True),
        ("iot:*", "iot:Publish", True),
        ("iot:*", "iotjobsdata:UpdateJobExecution", False),
        ("iot:*JobExecution*", "iot:GetPendingJobExecutions", True),
        ("iot:P?blish", "iot:Publish", True),
        ("*", "iot:Publish", True),
        (["iot:Connect", "iot:Receive"], "iot:Receive", True),
        (["iot:Connect", "iot:Receive"], "iot:Publish", False),
        ("iot:Publish", "iot:PublishX", False),
    ],
)
def test_actions(action: Any, asked: str, matches: bool) -> None:
    assert bound(statement(action=action)).allows(asked, ARN + "topic/a") is matches


def test_a_deny_wins_and_is_named() -> None:
    device = policy.bind(
        [
            policy.parse(document(statement(Sid="All")), "wide"),
            policy.parse(
                document(statement(action="iot:Connect"), statement("Deny", resource=f"{ARN}topic/s*")), "narrow"
            ),
        ],
        {},
    )
    assert device.allows("iot:Publish", ARN + "topic/open")
    assert not device.allows("iot:Publish", ARN + "topic/secret")
    assert device.decide("iot:Publish", ARN + "topic/open") == policy.Decision(True, "wide", 0, "All")
    denied = device.decide("iot:Publish", ARN + "topic/secret")
    assert denied == policy.Decision(False, "narrow", 1, None)
    assert denied.reason == "denied by statement 1 of policy 'narrow'"
    assert device.decide("iot:Publish", ARN + "topic/open").reason == "allowed by statement 0 (All) of policy 'wide'"


def test_what_nobody_allows_is_denied() -> None:
    nothing = policy.bind([], {})
    assert not nothing.allows("iot:Connect", ARN + "client/c")
    decision = nothing.decide("iot:Connect", ARN + "client/c")
    assert decision == policy.Decision(False)
    assert decision.reason == "no statement allows it"


def test_not_resource_and_not_action() -> None:
    device = bound(
        {"Effect": "Allow", "NotAction": ["iot:Publish", "iot:Re*"], "Resource": "*"},
        {"Effect": "Deny", "Action": "iot:Subscribe", "NotResource": [f"{ARN}topicfilter/a/*", f"{ARN}topicfilter/b"]},
    )
    assert device.allows("iot:Connect", ARN + "client/c")
    assert not device.allows("iot:Publish", ARN + "topic/a")
    assert not device.allows("iot:Receive", ARN + "topic/a")
    assert device.allows("iot:Subscribe", ARN + "topicfilter/a/x")
    assert device.allows("iot:Subscribe", ARN + "topicfilter/b")
    assert not device.allows("iot:Subscribe", ARN + "topicfilter/c")
    assert device.decide("iot:Subscribe", ARN + "topicfilter/c").statement == 1


# -------------------------------------------------------------------------------------------------------- substitution


@pytest.mark.parametrize("value", ["*", "a*", "?", "$x", "+", "a/#", "c" * 1025])
@pytest.mark.parametrize("key", ["iot:ClientId", "iot:Certificate.Subject.CommonName"])
def test_values_with_wildcards_are_not_substituted(key: str, value: str) -> None:
    device = bound(statement(resource=f"{ARN}topic/${{{key}}}"), context={key: value})
    assert not device.allows("iot:Publish", f"{ARN}topic/{value}")
    assert len(device.skipped) == 1


def test_other_values_are_substituted_literally() -> None:
    key = "iot:Connection.Thing.Attributes[site]"
    device = bound(statement(resource=f"{ARN}topic/${{{key}}}/*"), context={key: "*?"})
    assert device.allows("iot:Publish", ARN + "topic/*?/x")
    assert not device.allows("iot:Publish", ARN + "topic/ab/x")


@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_a_resource_without_a_value_leaves_the_others_of_its_statement(effect: str) -> None:
    resources = [f"{ARN}client/fixed", f"{ARN}client/{THING}"]
    device = (
        bound(statement(), statement("Deny", resource=resources))
        if effect == "Deny"
        else bound(statement(resource=resources))
    )
    assert device.allows("iot:Connect", ARN + "client/fixed") is (effect == "Allow")
    assert device.allows("iot:Connect", ARN + "client/other") is (effect == "Deny")
    assert [entry.missing for entry in device.skipped] == [("iot:Connection.Thing.ThingName",)]


def test_an_exception_without_a_value_silences_its_statement() -> None:
    excepted = {"NotResource": [f"{ARN}client/fixed", f"{ARN}client/{THING}"]}
    deny, allow = ({"Effect": effect, "Action": "iot:*", **excepted} for effect in ("Deny", "Allow"))
    assert bound(statement(), deny).allows("iot:Connect", ARN + "client/other")
    assert not bound(allow).allows("iot:Connect", ARN + "client/other")


def test_an_operand_without_a_value_leaves_the_others_of_its_condition() -> None:
    deny = statement("Deny", Condition={"StringEquals": {"iot:ClientId": ["bad", THING]}})
    assert not bound(statement(), deny, context={"iot:ClientId": "bad"}).allows("iot:Connect", "x")
    assert bound(statement(), deny, context={"iot:ClientId": "good"}).allows("iot:Connect", "x")


def test_an_unresolved_variable_in_a_condition_silences_the_statement() -> None:
    condition = {"StringNotEquals": {"iot:ClientId": THING}}
    assert not bound(statement(Condition=condition), context={"iot:ClientId": "c"}).allows("iot:Connect", "x")


def test_names_of_attributes_have_a_case() -> None:
    context = {"iot:ClientId": "c", "iot:Connection.Thing.Attributes[Site]": "s"}
    device = bound(
        statement(action="iot:Connect", resource=ARN + "client/${iot:ClientId}"),
        statement(action="iot:Publish", resource=ARN + "topic/${iot:Connection.Thing.Attributes[Site]}"),
        statement(action="iot:Publish", resource=ARN + "topic/${iot:Connection.Thing.Attributes[site]}"),
        context=context,
    )
    assert device.allows("iot:Connect", ARN + "client/c")
    assert device.allows("iot:Publish", ARN + "topic/s")
    assert [skipped.statement for skipped in device.skipped] == [2]


def test_a_variable_may_name_a_default() -> None:
    device = bound(statement(resource=ARN + "topic/${iot:Connection.Thing.Attributes[site], 'none'}"))
    assert device.allows("iot:Publish", ARN + "topic/none")


@pytest.mark.parametrize("mark", [chr(0xDC00), chr(0xDC01)])
def test_text_that_is_not_unicode_is_neither_pattern_nor_value(mark: str) -> None:
    device = bound(statement(resource=f"{ARN}topic/${{a:b}}"), context={"a:b": mark})
    assert not device.allows("iot:Publish", ARN + "topic/x")
    escaped = json.dumps({"Version": "2012-10-17", "Statement": statement(resource=f"{ARN}topic/{mark}")})
    with pytest.raises(policy.MalformedPolicyError):
        policy.parse(escaped)


def test_a_multi_valued_key_is_no_variable() -> None:
    key = "iot:Certificate.Subject.OrganizationalUnit"
    device = bound(statement(resource=f"{ARN}topic/${{{key}}}"), context={key: ["a", "b"]})
    assert not device.allows("iot:Publish", ARN + "topic/a")


# ---------------------------------------------------------------------------------------------------------- conditions

CONTEXT = {
    "iot:ClientId": "sensor-1",
    "aws:SourceIp": "10.1.2.3",
    "iot:Connection.Thing.IsAttached": "true",
    "iot:ConnectAttributes": ["PersistentConnect"],
    "iot:DomainName": "Iot.Example.org",
    "aws:CurrentTime": "2026-03-01T12:00:00Z",
    "test:Size": "40",
    "test:Arn": "arn:aws:iot:eu-west-1:123456789012:thing/t1",
    "test:Both": ["PersistentConnect", "LastWill"],
}


@pytest.mark.parametrize(
    ("operator", "key", "operand", "met"),
    [
        ("StringEquals", "iot:ClientId", "sensor-1", True),
        ("StringEquals", "IOT:CLIENTID", ["x", "sensor-1"], True),
        ("StringEquals", "iot:ClientId", "sensor-*", False),
        ("StringEquals", "iot:ClientId", "${iot:ClientId}", True),
        ("StringEquals", "absent", "x", False),
        ("StringNotEquals", "iot:ClientId", ["a", "b"], True),
        ("StringNotEquals", "iot:ClientId", ["a", "sensor-1"], False),
        ("StringNotEquals", "absent", "x", True),
        ("StringEqualsIgnoreCase", "iot:DomainName", "iot.example.ORG", True),
        ("StringNotEqualsIgnoreCase", "iot:DomainName", "iot.example.ORG", False),
        ("StringLike", "iot:ClientId", "sensor-?", True),
        ("StringLike", "iot:ClientId", "*or-1", True),
        ("StringLike", "iot:ClientId", "sensor${*}", False),
        ("StringNotLike", "iot:ClientId", "sensor-*", False),
        ("StringEqualsIfExists", "absent", "x", True),
        ("StringEqualsIfExists", "iot:ClientId", "x", False),
        ("Bool", "iot:Connection.Thing.IsAttached", "true", True),
        ("Bool", "iot:Connection.Thing.IsAttached", ["TRUE"], True),
        ("Bool", "iot:Connection.Thing.IsAttached", True, True),
        ("Bool", "iot:Connection.Thing.IsAttached", "false", False),
        ("Bool", "iot:ClientId", "true", False),
        ("BoolIfExists", "absent", "true", True),
        ("IpAddress", "aws:SourceIp", "10.0.0.0/8", True),
        ("IpAddress", "aws:SourceIp", ["192.168.0.0/16", "10.1.2.3"], True),
        ("IpAddress", "aws:SourceIp", "2001:db8::/32", False),
        ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8", False),
        ("NotIpAddress", "aws:SourceIp", "11.0.0.0/8", True),
        ("IpAddress", "iot:ClientId", "10.0.0.0/8", False),
        ("NumericLessThan", "test:Size", "41", True),
        ("NumericLessThan", "test:Size", 40, False),
        ("NumericLessThanEquals", "test:Size", 40.0, True),
        ("NumericGreaterThan", "test:Size", "39.5", True),
        ("NumericGreaterThanEquals", "test:Size", "41", False),
        ("NumericEquals", "test:Size", "4e1", True),
        ("NumericNotEquals", "test:Size", "40", False),
        ("NumericEquals", "iot:ClientId", "1", False),
        ("DateGreaterThan", "aws:CurrentTime", "2026-01-01T00:00:00Z", True),
        ("DateLessThan", "aws:CurrentTime", "2026-01-01", False),
        ("DateEquals", "aws:CurrentTime", "2026-03-01T13:00:00+01:00", True),
        ("DateLessThanEquals", "aws:CurrentTime", 1_772_366_400, True),
        ("ArnLike", "test:Arn", "arn:aws:iot:*:123456789012:thing/*", True),
        ("ArnEquals", "test:Arn", "arn:aws:iot:*:thing/t1", False),
        ("ArnNotLike", "test:Arn", "arn:aws:iot:*:*:job/*", True),
        ("Null", "absent", "true", True),
        ("Null", "absent", "false", False),
        ("Null", "iot:ClientId", "false", True),
        ("Null", "iot:ClientId", "${iot:ClientId}", False),
        ("ForAllValues:StringEquals", "iot:ConnectAttributes", ["PersistentConnect", "LastWill"], True),
        ("ForAllValues:StringEquals", "test:Both", ["PersistentConnect"], False),
        ("ForAllValues:StringEquals", "absent", ["x"], True),
        ("ForAnyValue:StringEquals", "test:Both", ["LastWill"], True),
        ("ForAnyValue:StringEquals", "test:Both", ["Other"], False),
        ("ForAnyValue:StringEquals", "absent", ["x"], False),
        ("ForAnyValue:StringEqualsIfExists", "absent", ["x"], True),
        ("ForAnyValue:StringNotEquals", "test:Both", ["LastWill"], True),
        ("ForAllValues:StringNotEquals", "test:Both", ["LastWill"], False),
        ("ForAnyValue:StringLike", "test:Both", ["Last*"], True),
        ("StringEquals", "test:Both", "LastWill", True),
        ("StringNotEquals", "test:Both", "LastWill", False),
    ],
)
def test_condition_operators(operator: str, key: str, operand: Any, met: bool) -> None:
    device = bound(statement(Condition={operator: {key: operand}}), context=CONTEXT)
    assert device.allows("iot:Connect", ARN + "client/c") is met
    assert [skipped.reason for skipped in device.skipped] == (
        [] if met else [f"condition {operator} on {key} is not met"]
    )


def test_all_conditions_must_be_met() -> None:
    conditions = {
        "Bool": {"iot:Connection.Thing.IsAttached": "true"},
        "StringLike": {"iot:ClientId": "*", "absent": "*"},
    }
    assert not bound(statement(Condition=conditions), context=CONTEXT).allows("iot:Connect", "x")
    del conditions["StringLike"]["absent"]
    assert bound(statement(Condition=conditions), context=CONTEXT).allows("iot:Connect", "x")


def test_an_ipv4_address_seen_through_an_ipv6_socket() -> None:
    condition = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    device = bound(statement(Condition=condition), context={"aws:SourceIp": "::ffff:10.1.2.3"})
    assert device.allows("iot:Connect", "x")


# ------------------------------------------------------------------------------------------------------------ refusals

GOOD = statement()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "Policy document is Malformed"),
        ("./policy.json", "Policy document is Malformed"),
        ("[" * 100_000, "Policy document is Malformed"),
        (
            document(statement(Condition={"NumericEquals": {"a": 0}})).replace("0}", "9" * 5000 + "}"),
            "Policy document is Malformed",
        ),
        ("\ud800", "Policy document is Malformed"),
        ("[]", "Policy document is Malformed: Invalid policy syntax."),
        ("{}", "Policy document is Malformed: Invalid policy syntax."),
        (json.dumps({"Version": "2026-01-01", "Statement": [GOOD]}), "… Invalid policy syntax."),
        (json.dumps({"Version": ["2012-10-17"], "Statement": [GOOD]}), "… Invalid policy syntax."),
        (json.dumps({"Version": "2012-10-17", "Statement": []}), "… Invalid policy syntax."),
        (json.dumps({"Version": "2012-10-17", "Statement": ["x"]}), "… Invalid policy syntax."),
        (json.dumps({"Version": "2012-10-17", "Statement": [GOOD], "Other": 1}), "… Invalid policy syntax."),
        (document({**GOOD, "Effect": "allow"}), "… Invalid policy syntax."),
        (document({**GOOD, "Principal": "*"}), "… Invalid policy syntax."),
        (document({**GOOD, "NotAction": "iot:*"}), "… Invalid policy syntax."),
        (document({"Effect": "Allow", "Action": "iot:*"}), "… Invalid policy syntax."),
        (document({"Effect": "Allow", "Resource": "*"}), "… Invalid policy syntax."),
        (document({**GOOD, "Sid": 1}), "… Invalid policy syntax."),
        (document({**GOOD, "Action": []}), "… Invalid policy syntax."),
        (document({**GOOD, "Action": [1]}), "… Invalid policy syntax."),
        (document({**GOOD, "Resource": None}), "… Invalid policy syntax."),
        (document(statement(resource="\\")), "… The following resources are invalid : \\"),
        (document(statement(resource="topic/a")), "… The following resources are invalid : topic/a"),
        (document(statement(action="Publish")), "… The following actions are invalid : Publish"),
        (document(statement(action="iot:Publish:x")), "… The following actions are invalid : iot:Publish:x"),
        (document(statement(resource=ARN + "topic/${iot:ClientId")), "… Invalid policy syntax."),
        (document(statement(resource=ARN + "topic/${}")), "… Invalid policy syntax."),
        (document(statement(resource=ARN + "topic/${a b}")), "… Invalid policy syntax."),
        (document(statement(Condition=[])), "… Invalid policy syntax."),
        (document(statement(Condition={"Equals": {"a": "b"}})), "… Invalid policy syntax."),
        (document(statement(Condition={"ForSome:StringEquals": {"a": "b"}})), "… Invalid policy syntax."),
        (document(statement(Condition={"StringEquals": {}})), "… Invalid policy syntax."),
        (document(statement(Condition={"StringEquals": {"a": {}}})), "… Invalid policy syntax."),
        (document(statement(Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/33"}})), "… Invalid policy syntax."),
        (document(statement(Condition={"Bool": {"a": "yes"}})), "… Invalid policy syntax."),
        (document(statement(Condition={"Null": {"a": "maybe"}})), "… Invalid policy syntax."),
        (document(statement(Condition={"NumericEquals": {"a": "1_0"}})), "… Invalid policy syntax."),
        (document(statement(Condition={"DateEquals": {"a": "soon"}})), "… Invalid policy syntax."),
    ],
)
def test_create_policy_refuses(text: str, message: str) -> None:
    with pytest.raises(policy.MalformedPolicyError) as refusal:
        policy.parse(text)
    assert str(refusal.value) == message.replace("…", "Policy document is Malformed:")
    assert refusal.value.detail


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
operators = st.sampled_from(["StringEquals", "Null", "DateEquals", "NumericLessThan", "IpAddress", "Bool", "ArnLike"])
operands = scalars | st.lists(scalars | st.just("${a:b}"), max_size=3)
near_misses = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny"])},
    optional={
        "Sid": scalars,
        "Action": scalars | st.just("iot:*"),
        "Resource": scalars | st.just("*") | st.text("arn:*${}a?", max_size=12).map(lambda text: ARN + text),
        "Condition": st.dictionaries(operators | st.text(max_size=3), st.dictionaries(st.just("a:b"), operands)),
    },
)


@settings(max_examples=400, deadline=None)
@given(near_misses | scalars, st.text(max_size=20))
def test_a_document_is_refused_or_can_be_bound(source: Any, value: str) -> None:
    try:
        parsed = policy.parse(json.dumps({"Version": "2012-10-17", "Statement": source}))
    except policy.MalformedPolicyError:
        return
    policy.bind([parsed], {"a:b": value}).allows("iot:Publish", ARN + value)


@pytest.mark.parametrize(
    "text",
    [
        json.dumps({"Statement": GOOD}),
        json.dumps({"Version": "2008-10-17", "Id": "x", "Statement": [GOOD]}),
        document(statement(resource=["arn:aws:iot:*"])),
        document(statement(resource=ARN + "topic/${unknown:Variable}")),
        document(statement(action="greengrass:Discover")),
        "\n" + json.dumps(json.loads(document(GOOD)), indent=4) + "\n",
    ],
)
def test_create_policy_accepts(text: str) -> None:
    assert policy.parse(text).statements


# ---------------------------------------------------------------------------------------------------------- properties

texts = st.text("ab*?/+#$", max_size=10)
patterns = st.text("ab*?/+#", max_size=10)
actions = st.sampled_from(["iot:Publish", "iot:Connect", "iot:*", "*"])
statements = st.builds(
    statement,
    st.sampled_from(["Allow", "Deny"]),
    actions,
    st.lists(patterns.map(lambda pattern: ARN + pattern), min_size=1, max_size=3),
)


def reference(pattern: str, text: str) -> bool:
    """Device reference 8.2 rule 4, said with a regular expression."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*").replace(r"\?", "."), text, re.DOTALL) is not None


@settings(max_examples=500, deadline=None)
@given(patterns, texts)
def test_patterns_match_as_regular_expressions_do(pattern: str, text: str) -> None:
    assert bound(statement(resource=ARN + pattern)).allows("iot:Publish", ARN + text) is reference(pattern, text)


VALUES = {"iot:ClientId": "a", "iot:Connection.Thing.ThingName": "b"}
filled = st.lists(st.sampled_from(["a", "b", "${iot:ClientId}", f"{THING}*", "x${iot:DomainName}", "*"]), min_size=1)
conditions_or_none = st.none() | st.tuples(st.sampled_from(["StringEquals", "StringNotEquals"]), filled)


def naively(entry: dict[str, Any], text: str, values: dict[str, str]) -> bool:
    """Whether a statement speaks of a text, one resource after another; a variable without a value is told by None."""

    def filled_in(given: str) -> str | None:
        found = re.sub(r"\$\{([^}]*)\}", lambda variable: values.get(variable[1], "\0"), given.removeprefix(ARN))
        return None if "\0" in found else found

    negated = "NotResource" in entry
    resources = [filled_in(each) for each in entry["NotResource" if negated else "Resource"]]
    if negated and None in resources:
        return False
    if any(each is not None and fnmatch.fnmatchcase(text, each) for each in resources) == negated:
        return False
    for operator, by_key in entry.get("Condition", {}).items():
        operands = [filled_in(each) for each in by_key["iot:Connection.Thing.ThingName"]]
        value = values.get("iot:Connection.Thing.ThingName")
        if operator == "StringNotEquals":
            if None in operands or value in operands:
                return False
        elif value is None or value not in operands:
            return False
    return True


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["Allow", "Deny"]), st.booleans(), filled, conditions_or_none), min_size=1, max_size=4
    ),
    st.sampled_from(["a", "b", "ab", "bc", "x"]),
    st.sets(st.sampled_from(sorted(VALUES))),
)
def test_each_resource_is_judged_by_itself(
    given_statements: list[tuple[str, bool, list[str], tuple[str, list[str]] | None]], text: str, known: set[str]
) -> None:
    entries: list[dict[str, Any]] = [
        {
            "Effect": effect,
            "Action": "iot:*",
            "NotResource" if negated else "Resource": [each if each == "*" else ARN + each for each in resources],
            **({"Condition": {condition[0]: {"iot:Connection.Thing.ThingName": condition[1]}}} if condition else {}),
        }
        for effect, negated, resources, condition in given_statements
    ]
    values = {key: VALUES[key] for key in known}
    speaking = {entry["Effect"] for entry in entries if naively(entry, text, values)}
    assert bound(*entries, context=values).allows("iot:Publish", ARN + text) is (speaking == {"Allow"})


@settings(max_examples=200, deadline=None)
@given(st.lists(statements, max_size=5), texts)
def test_allows_and_decide_agree_with_the_rule(given_statements: list[dict[str, Any]], text: str) -> None:
    device = policy.bind([policy.parse(document(*given_statements))] if given_statements else [], {})
    matching = {
        s["Effect"]
        for s in given_statements
        if s["Action"] != "iot:Connect" and any(reference(r, ARN + text) for r in s["Resource"])
    }
    expected = matching == {"Allow"}
    assert device.allows("iot:Publish", ARN + text) is expected
    assert device.decide("iot:Publish", ARN + text).allowed is expected


@settings(max_examples=100, deadline=None)
@given(st.lists(statements, min_size=1, max_size=5), texts, st.randoms(use_true_random=False))
def test_the_order_of_statements_and_policies_is_irrelevant(
    given_statements: list[dict[str, Any]], text: str, random: Any
) -> None:
    shuffled = random.sample(given_statements, len(given_statements))
    together = bound(*given_statements)
    apart = policy.bind([policy.parse(document(s)) for s in shuffled], {})
    assert together.allows("iot:Publish", ARN + text) is apart.allows("iot:Publish", ARN + text)


@settings(max_examples=100, deadline=None)
@given(st.lists(statements, max_size=5), texts)
def test_a_matching_deny_always_wins(given_statements: list[dict[str, Any]], text: str) -> None:
    deny = statement("Deny", "iot:Publish", [ARN + "*"])
    assert not bound(*given_statements, deny).allows("iot:Publish", ARN + text)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=12), st.text(max_size=12))
def test_substitution_never_widens(value: str, asked: str) -> None:
    key = "iot:Connection.Thing.Attributes[a]"
    device = bound(statement(resource=f"{ARN}topic/${{{key}}}/x"), context={key: value})
    assert device.allows("iot:Publish", f"{ARN}topic/{value}/x")
    assert device.allows("iot:Publish", f"{ARN}topic/{asked}/x") is (asked == value)


def test_a_pattern_with_many_stars_does_not_backtrack() -> None:
    device = bound(statement(resource=ARN + "*a" * 200 + "*b"))
    assert not device.allows("iot:Publish", ARN + "a" * 2000)


# --- explaining -----------------------------------------------------------------------------------------------------


def test_a_decision_names_the_version() -> None:
    device = policy.bind([policy.parse(document(statement(Sid="All")), "wide", 3)], {})
    decision = device.decide("iot:Publish", ARN + "topic/a")
    assert decision == policy.Decision(True, "wide", 0, "All", 3)
    assert decision.reason == "allowed by statement 0 (All) of version 3 of policy 'wide'"


def test_an_explanation_names_every_policy_that_spoke() -> None:
    device = policy.bind(
        [
            policy.parse(document(statement(), statement(action="iot:Publish")), "wide"),
            policy.parse(document(statement(action="iot:Publish")), "publish"),
            policy.parse(document(statement("Deny", "iot:Publish", f"{ARN}topic/secret")), "narrow"),
            policy.parse(document(statement(action="iot:Connect")), "silent"),
        ],
        {},
    )
    found = device.explain("iot:Publish", ARN + "topic/secret")
    assert (found.allowing, found.denying) == (("wide", "publish"), ("narrow",))
    assert found.decision.policy == "narrow"
    assert device.explain("iot:Publish", ARN + "topic/open").denying == ()


def test_an_explanation_names_what_has_no_value() -> None:
    attached = {"Bool": {"iot:Connection.Thing.IsAttached": "true"}}
    address = {"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}}
    device = policy.bind(
        [
            policy.parse(
                document(
                    statement(action="iot:Publish", resource=f"{ARN}topic/{THING}"),
                    statement(action="iot:Publish", resource=f"{ARN}topic/{THING}/x"),
                    statement(action="iot:Publish", Condition=attached),
                    statement(action="iot:Publish", Condition=address),
                    statement(action="iot:Connect", resource=f"{ARN}client/${{iot:ClientId}}"),
                ),
                "p",
            )
        ],
        {"aws:SourceIp": "198.51.100.1"},
    )
    found = device.explain("iot:Publish", ARN + "topic/t1")
    assert found.decision == policy.Decision(allowed=False)
    assert found.missing == ("iot:Connection.Thing.ThingName", "iot:Connection.Thing.IsAttached")
    # The address has a value, only not one that fits; and what is about connecting says nothing here.
    assert [(entry.statement, entry.missing) for entry in found.skipped] == [
        (0, ("iot:Connection.Thing.ThingName",)),
        (1, ("iot:Connection.Thing.ThingName",)),
        (2, ("iot:Connection.Thing.IsAttached",)),
        (3, ()),
    ]


@given(st.lists(st.tuples(st.sampled_from(["Allow", "Deny"]), st.sampled_from(["a", "a*", "*", "b?"])), max_size=6))
def test_explaining_and_answering_agree(rules: list[tuple[str, str]]) -> None:
    statements = [statement(effect, "iot:Publish", f"{ARN}topic/{tail}") for effect, tail in rules]
    device = policy.bind([policy.parse(document(*statements), "p")] if statements else [], {})
    for topic in ("a", "ab", "b", "bc"):
        found = device.explain("iot:Publish", f"{ARN}topic/{topic}")
        assert found.decision.allowed is device.allows("iot:Publish", f"{ARN}topic/{topic}")
        assert bool(found.denying) is (not found.decision.allowed and found.decision.policy is not None)


def test_variables_of_iot_are_written_in_one_way() -> None:
    context = {"iot:ClientId": "c", "iot:Connection.Thing.ThingName": "t", "aws:sourceip": "10.0.0.1"}
    for variable, value in (
        ("iot:ClientId", "c"),
        ("iot:Connection.Thing.ThingName", "t"),
        ("aws:SourceIp", "10.0.0.1"),
    ):
        device = policy.bind([policy.parse(json.dumps(_of_client(variable)), "p")], context)
        assert device.allows("iot:Connect", f"arn:aws:iot:eu-west-1:1:client/{value}")
    for variable, value in (("iot:clientId", "c"), ("iot:CLIENTID", "c"), ("iot:Connection.Thing.thingName", "t")):
        device = policy.bind([policy.parse(json.dumps(_of_client(variable)), "p")], context)
        assert not device.allows("iot:Connect", f"arn:aws:iot:eu-west-1:1:client/{value}")


def _of_client(variable: str) -> dict[str, object]:
    resource = f"arn:aws:iot:*:*:client/${{{variable}}}"
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iot:Connect", "Resource": resource}]}
