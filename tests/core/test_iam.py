"""IAM policies: what a document may say, what it means, who wins."""

from __future__ import annotations

import contextlib
import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.core import wildcards
from tidegate.core.iam import decisions, documents, managed, patterns
from tidegate.core.iam.decisions import Asked
from tidegate.core.iam.documents import MalformedError

JOB = "arn:aws:iot:eu-west-1:123456789012:job/j1"


def policy(*statements: dict[str, Any], version: str | None = "2012-10-17", name: str = "p") -> documents.Policy:
    head = {} if version is None else {"Version": version}
    return documents.parse(json.dumps({**head, "Statement": list(statements)}), name)


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def decide(
    *policies: documents.Policy,
    action: str = "iot:CreateJob",
    resource: str = JOB,
    session: list[documents.Policy] | None = None,
    **context: Any,
) -> decisions.Decision:
    values = {key.replace("__", ":").lower(): tuple(value) for key, value in context.items()}
    return decisions.decide(policies, session, Asked((action,), resource, values))


# --- decisions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("action", "resource", "expected"),
    [
        ("*", "*", True),
        ("iot:*", "*", True),
        ("iot:CreateJob", JOB, True),
        ("IOT:createjob", JOB, True),
        ("iot:CreateJ?b", "arn:aws:iot:*:*:job/*", True),
        (["iot:DescribeJob", "iot:CreateJob"], ["arn:aws:iot:*:*:thing/*", "arn:aws:*:*:*:job/j1"], True),
        ("iot:Create", "*", False),
        ("iot:CreateJobTemplate", "*", False),
        ("iot:CreateJob", "arn:aws:iot:eu-west-1:123456789012:job/J1", False),
        ("iot:CreateJob", "arn:aws:iot:eu-west-2:123456789012:job/j1", False),
        ("iot:CreateJob", "arn:aws:iot:eu-west-1:123456789012:job/j", False),
        ("iotjobsdata:*", "*", False),
    ],
)
def test_actions_and_resources(action: Any, resource: Any, expected: bool) -> None:
    assert decide(policy(allow(action, resource))).allowed is expected


def test_nothing_is_allowed_by_default() -> None:
    found = decide()
    assert (found.allowed, found.explicit) == (False, False)
    assert found.because("iot:CreateJob") == "because no identity-based policy allows the iot:CreateJob action"


def test_an_explicit_deny_wins_wherever_it_stands_and_is_named() -> None:
    yes, no = policy(allow(), name="yes"), policy(allow(), deny("iot:*", "arn:*:job/*", Sid="NoJobs"), name="no")
    for order in ((yes, no), (no, yes)):
        found = decide(*order)
        assert found == decisions.Decision(False, "identity-based", "no", 2, "NoJobs")
        assert found.because("x") == "with an explicit deny in an identity-based policy"
    assert decide(yes, no, resource="arn:aws:iot:eu-west-1:123456789012:thing/t").allowed


def test_an_allow_names_its_statement() -> None:
    assert decide(policy(allow("iot:Delete*"), allow("iot:Create*", Sid="Make"))) == decisions.Decision(
        True, "identity-based", "p", 2, "Make"
    )


def test_not_action_and_not_resource() -> None:
    but_delete = policy({"Effect": "Allow", "NotAction": "iot:Delete*", "Resource": "*"})
    assert decide(but_delete).allowed
    assert not decide(but_delete, action="iot:DeleteJob").allowed
    but_jobs = policy(allow(), {"Effect": "Deny", "Action": "*", "NotResource": ["arn:*:job/*"]})
    assert decide(but_jobs).allowed
    assert not decide(but_jobs, resource="arn:aws:iot:eu-west-1:123456789012:thing/t").allowed


def test_an_action_known_by_several_names() -> None:
    names = ("iotjobsdata:UpdateJobExecution", "iot:UpdateJobExecution")
    for action in names:
        assert decisions.decide([policy(allow(action))], None, Asked(names, "x", {})).allowed
        assert not decisions.decide([policy(allow(), deny(action))], None, Asked(names, "x", {})).allowed


def test_a_session_policy_only_takes_away() -> None:
    wide, narrow = policy(allow()), policy(allow("iot:Describe*"))
    assert decide(wide, session=[narrow], action="iot:DescribeJob").allowed
    refused = decide(wide, session=[narrow])
    assert refused.because("iot:CreateJob") == "because no session policy allows the iot:CreateJob action"
    assert not decide(narrow, session=[wide]).allowed
    assert decide(narrow, session=[policy(deny())]).because("x") == "with an explicit deny in a session policy"
    assert decide(policy(deny()), session=[wide]).kind == "identity-based"


def test_what_administrators_may() -> None:
    every = documents.parse(managed.POLICIES[managed.ADMINISTRATOR])
    assert decide(every, action="anything:AtAll", resource="whatever").allowed
    reader = documents.parse(managed.POLICIES["ReadOnlyAccess"])
    assert decide(reader, action="iot:ListThings").allowed
    assert not decide(reader, action="iot:UpdateThing").allowed
    assert all(documents.parse(document) for document in managed.POLICIES.values())


# --- variables ------------------------------------------------------------------------------------------------------


def test_variables_are_literal_and_only_of_the_present_version() -> None:
    own = allow("*", "arn:aws:iot:*:*:job/${aws:username}-*")
    assert decide(policy(own), resource="arn:aws:iot:r:a:job/ada-1", aws__username=["ada"]).allowed
    assert not decide(policy(own), resource="arn:aws:iot:r:a:job/bob-1", aws__username=["ada"]).allowed
    assert not decide(policy(own), resource="arn:aws:iot:r:a:job/bob-1", aws__username=["*"]).allowed
    for old in ("2008-10-17", None):
        assert decide(policy(own, version=old), resource="arn:aws:iot:r:a:job/${aws:username}-1").allowed
        assert not decide(policy(own, version=old), resource="arn:aws:iot:r:a:job/ada-1", aws__username=["ada"]).allowed


def test_a_variable_without_a_value_does_not_apply() -> None:
    wild = policy(allow("*", ["arn:aws:iot:*:*:job/${aws:PrincipalTag/team}", "arn:*:thing/*"]))
    assert not decide(wild, resource="arn:aws:iot:r:a:job/").allowed
    assert decide(wild, resource="arn:aws:iot:r:a:thing/t").allowed, "the other resource is still meant"
    fallback = policy(allow("*", "arn:aws:iot:*:*:job/${aws:PrincipalTag/team, 'everybody'}"))
    assert decide(fallback, resource="arn:aws:iot:r:a:job/everybody").allowed
    assert not decide(fallback, resource="arn:aws:iot:r:a:job/everybody", **{"aws__principaltag/team": ["red"]}).allowed
    excepted = policy(allow(), {"Effect": "Deny", "Action": "*", "NotResource": "arn:aws:*:*:*:job/${aws:username}"})
    assert decide(excepted).allowed, "what is excepted is not known, so the statement does not apply"


def test_escapes_stand_for_themselves() -> None:
    starred = policy(allow("*", "arn:aws:iot:*:*:job/${*}${?}${$}"))
    assert decide(starred, resource="arn:aws:iot:r:a:job/*?$").allowed
    assert not decide(starred, resource="arn:aws:iot:r:a:job/abc").allowed


# --- conditions -----------------------------------------------------------------------------------------------------

MET: list[tuple[str, str, Any, list[str] | None, bool]] = [
    ("StringEquals", "aws:RequestedRegion", "eu-west-1", ["eu-west-1"], True),
    ("StringEquals", "aws:RequestedRegion", ["x", "eu-west-1"], ["eu-west-1"], True),
    ("StringEquals", "aws:RequestedRegion", "eu-west-1", None, False),
    ("StringEquals", "aws:RequestedRegion", "eu-*", ["eu-west-1"], False),
    ("StringEqualsIfExists", "aws:RequestedRegion", "eu-west-1", None, True),
    ("StringNotEquals", "aws:RequestedRegion", ["a", "b"], ["b"], False),
    ("StringNotEquals", "aws:RequestedRegion", ["a", "b"], ["c"], True),
    ("StringNotEquals", "aws:RequestedRegion", "a", None, True),
    ("StringEqualsIgnoreCase", "aws:username", "ADA", ["ada"], True),
    ("StringNotEqualsIgnoreCase", "aws:username", "ADA", ["ada"], False),
    ("StringLike", "aws:username", "a?a*", ["adam"], True),
    ("StringNotLike", "aws:username", "a*", ["adam"], False),
    ("ArnLike", "aws:PrincipalArn", "arn:aws:iam::*:user/a*", ["arn:aws:iam::1:user/ada"], True),
    ("ArnLike", "aws:PrincipalArn", "arn:*:user/a*", ["arn:aws:iam::1:user/ada"], False),
    ("ArnNotEquals", "aws:PrincipalArn", "arn:aws:iam::1:user/ada", ["arn:aws:iam::1:user/ada"], False),
    ("Bool", "aws:SecureTransport", True, ["true"], True),
    ("Bool", "aws:SecureTransport", "false", ["true"], False),
    ("Bool", "aws:SecureTransport", "true", None, False),
    ("NumericLessThan", "aws:EpochTime", 10, ["9"], True),
    ("NumericLessThan", "aws:EpochTime", "10", ["10"], False),
    ("NumericGreaterThanEquals", "aws:EpochTime", "10", ["10"], True),
    ("NumericEquals", "aws:EpochTime", "10", ["no number"], False),
    ("NumericNotEquals", "aws:EpochTime", "10", ["11"], True),
    ("DateLessThan", "aws:CurrentTime", "2026-01-01T00:00:00Z", ["2025-12-31T23:59:59Z"], True),
    ("DateGreaterThan", "aws:CurrentTime", "2026-01-01T00:00:00Z", ["2025-12-31T23:59:59Z"], False),
    ("DateEquals", "aws:CurrentTime", "1767225600", ["2026-01-01T00:00:00Z"], True),
    ("IpAddress", "aws:SourceIp", "10.0.0.0/8", ["10.1.2.3"], True),
    ("IpAddress", "aws:SourceIp", ["192.168.0.0/16", "2001:db8::/32"], ["2001:db8::1"], True),
    ("IpAddress", "aws:SourceIp", "10.0.0.0/8", ["::ffff:10.1.2.3"], True),
    ("IpAddress", "aws:SourceIp", "10.0.0.0/8", ["11.1.2.3"], False),
    ("IpAddress", "aws:SourceIp", "10.0.0.0/8", ["not an address"], False),
    ("NotIpAddress", "aws:SourceIp", "10.0.0.0/8", ["10.1.2.3"], False),
    ("Null", "aws:TokenIssueTime", "true", None, True),
    ("Null", "aws:TokenIssueTime", "false", None, False),
    ("Null", "aws:username", False, ["ada"], True),
    ("ForAllValues:StringEquals", "aws:TagKeys", ["a", "b"], ["a", "b"], True),
    ("ForAllValues:StringEquals", "aws:TagKeys", ["a", "b"], ["a", "c"], False),
    ("ForAllValues:StringEquals", "aws:TagKeys", ["a"], None, True),
    ("ForAnyValue:StringEquals", "aws:TagKeys", ["a"], ["c", "a"], True),
    ("ForAnyValue:StringEquals", "aws:TagKeys", ["a"], None, False),
    ("ForAnyValue:StringEqualsIfExists", "aws:TagKeys", ["a"], None, True),
    ("ForAnyValue:StringNotEquals", "aws:TagKeys", ["a"], ["a", "b"], True),
    ("ForAnyValue:StringNotEquals", "aws:TagKeys", ["a"], None, False),
]


@pytest.mark.parametrize(("operator", "key", "operand", "values", "expected"), MET)
def test_condition_operators(operator: str, key: str, operand: Any, values: list[str] | None, expected: bool) -> None:
    conditional = policy(allow(Condition={operator: {key.upper(): operand}}))
    context = {} if values is None else {key.lower(): tuple(values)}
    assert decisions.decide([conditional], None, Asked(("iot:X",), "*", context)).allowed is expected


def test_all_conditions_of_a_statement_must_be_met() -> None:
    both = policy(
        allow(Condition={"StringEquals": {"aws:username": "ada", "aws:RequestedRegion": "r"}, "Bool": {"b:c": "true"}})
    )
    every = {"aws__username": ["ada"], "aws__requestedregion": ["r"], "b__c": ["true"]}
    assert decide(both, **every).allowed
    for name in every:
        assert not decide(both, **{**every, name: ["other"]}).allowed


def test_an_operand_may_be_a_variable() -> None:
    own = policy(allow(Condition={"StringEquals": {"aws:ResourceTag/owner": "${aws:username}"}}))
    assert decide(own, aws__username=["ada"], **{"aws__resourcetag/owner": ["ada"]}).allowed
    assert not decide(own, aws__username=["ada"], **{"aws__resourcetag/owner": ["bob"]}).allowed
    assert not decide(own, **{"aws__resourcetag/owner": ["${aws:username}"]}).allowed


def test_a_policy_knows_the_keys_it_looks_at() -> None:
    assert policy(allow()).keys == frozenset()
    looked_at = policy(
        allow("*", "arn:aws:iot:*:*:job/${aws:username}", Condition={"StringLike": {"aws:TagKeys": "${a:B}*"}})
    )
    assert looked_at.keys == {"aws:username", "aws:tagkeys", "a:b"}


# --- documents ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("document", "problems"),
    [
        ("{", ["The policy is not JSON: Input data was truncated."]),
        ("[" * 100_000, ["The policy has 100000 characters; 6144 are allowed.", "The policy is not JSON"]),
        ("[]", ["The policy must be a JSON object."]),
        ("{}", ["Statement must be a statement or a list of statements."]),
        ('{"Version": "2013", "Statement": [], "Foo": 1}', ["no element Foo", "Version must be", "Statement must be"]),
        ('{"Statement": [1]}', ["Statement 1 must be an object."]),
        ('{"Statement": {"Effect": "Allow", "Action": "*"}}', ["Statement 1 must have either Resource or NotResource"]),
        (
            '{"Statement": {"Effect": "allow", "Action": [], "NotResource": 1, "Principal": "*", "Sid": "a b"}}',
            [
                "Statement 1 has no element Principal.",
                "Statement 1: Sid must be letters and digits.",
                "Statement 1: Effect must be Allow or Deny.",
                "Statement 1: Action must be a string or a list of strings.",
                "Statement 1: NotResource must be a string or a list of strings.",
            ],
        ),
        (
            json.dumps({"Version": "2012-10-17", "Statement": allow("iot", ["thing/t", "arn:aws:iot:*:*:job/${x"])}),
            ["'iot' is no action", "'thing/t' is no resource", "a variable is not closed"],
        ),
        (json.dumps({"Statement": [allow(Sid="A"), deny(Sid="A")]}), ["Sid A appears more than once."]),
        (
            json.dumps(
                {
                    "Statement": allow(
                        Condition={
                            "StringIs": {"a:b": "c"},
                            "Bool": {"a:b": "maybe"},
                            "IpAddress": {"aws:SourceIp": ["10.0.0.0/8", "10.0.0.0/99"]},
                            "NumericEquals": [],
                            "DateLessThan": {"aws:CurrentTime": {"a": 1}},
                        }
                    )
                }
            ),
            [
                "StringIs is no condition operator.",
                "Bool of a:b cannot be compared with 'maybe'.",
                "IpAddress of aws:SourceIp cannot be compared with '10.0.0.0/99'.",
                "NumericEquals must be an object of condition keys.",
                "DateLessThan of aws:CurrentTime cannot be compared with {'a': 1}.",
            ],
        ),
    ],
)
def test_everything_that_is_wrong_with_a_document_is_told(document: str, problems: list[str]) -> None:
    with pytest.raises(MalformedError) as refused:
        documents.parse(document)
    assert len(refused.value.problems) == len(problems)
    for told, expected in zip(refused.value.problems, problems, strict=True):
        assert expected in told


def test_white_space_does_not_count() -> None:
    documents.parse(json.dumps({"Statement": [allow()]}) + " " * 10_000)
    with pytest.raises(MalformedError, match="6144 are allowed"):
        documents.parse(json.dumps({"Statement": [allow([f"iot:Action{n}" for n in range(500)])]}))


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["Allow", "*", "arn:aws:iot:*"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["Version", "Statement", "Effect", "Action", "Resource", "Condition", "StringLike", "a:b"]),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@settings(derandomize=True, max_examples=300, deadline=None)
@given(ANY_JSON)
def test_no_document_breaks_the_parser(document: Any) -> None:
    with contextlib.suppress(MalformedError):
        documents.parse(json.dumps(document))


# --- patterns -------------------------------------------------------------------------------------------------------


@settings(derandomize=True, max_examples=500, deadline=None)
@given(st.text("ab*?:", max_size=12), st.text("ab:", max_size=12))
def test_patterns_mean_what_the_regular_expression_means(pattern: str, text: str) -> None:
    (marked,) = patterns.template(pattern, wildcards=True, variables=True)
    expression = "".join({"*": ".*", "?": "."}.get(character, re.escape(character)) for character in pattern)
    assert wildcards.matches(str(marked), text) == (re.fullmatch(expression, text) is not None)


def test_many_stars_do_not_take_for_ever() -> None:
    (marked,) = patterns.template("*a" * 200 + "b", wildcards=True, variables=False)
    assert not wildcards.matches(str(marked), "a" * 5000)
