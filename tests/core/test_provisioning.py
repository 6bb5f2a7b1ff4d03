"""The language of provisioning templates: what it reads, what it refuses, what it comes to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core import texts
from tidegate.core.provisioning import functions, hook, plan, refusals, template
from tidegate.core.provisioning.refusals import RefusedError
from tidegate.core.provisioning.template import CERTIFICATE_ID, InvalidTemplateError, Kind, Override

ID = {CERTIFICATE_ID: "c" * 64}
CERTIFICATE = {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateId": {"Ref": CERTIFICATE_ID}}}
THING = {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": "t"}}


def body(**sections: Any) -> str:
    return json.dumps({"Resources": {"certificate": CERTIFICATE}, **sections})


def configured(value: Any, *, given: dict[str, Any] | None = None, **sections: Any) -> str:
    """What a value in the place of a device's configuration comes to."""
    parameters = {"a": {"Type": "String"}, "b": {"Type": "String", "Default": "two"}}
    text = body(**{"Parameters": parameters, "DeviceConfiguration": {"x": value}, **sections})
    found = template.parse(text, Kind.FLEET)
    return plan.evaluate(found, {"a": "one"} if given is None else given, ID).device_configuration["x"]


def problems(text: str, kind: Kind = Kind.FLEET) -> str:
    with pytest.raises(InvalidTemplateError) as error:
        template.parse(text, kind)
    return str(error.value)


# --- functions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("text", "text"),
        (5, "5"),
        (True, "true"),
        ({"Ref": "a"}, "one"),
        ({"Ref": "b"}, "two"),
        ({"Fn::Join": ["-", [{"Ref": "a"}, "x", {"Ref": "b"}]]}, "one-x-two"),
        ({"Fn::Join": ["-", []]}, ""),
        ({"Fn::Join": [",", {"Fn::Split": ["n", {"Ref": "a"}]}]}, "o,e"),
        ({"Fn::Select": [1, ["x", "y"]]}, "y"),
        ({"Fn::Select": ["0", {"Fn::Split": ["n", {"Ref": "a"}]}]}, "o"),
        ({"Fn::FindInMap": ["m", {"Ref": "a"}, "k"]}, "value"),
        ({"Fn::Sub": "<${a}|${b}>"}, "<one|two>"),
        ({"Fn::Sub": "${!a}$ {a} ${a"}, "${a}$ {a} ${a"),
        ({"Fn::Sub": ["${v}${a}", {"v": {"Ref": "b"}}]}, "twoone"),
        ({"Fn::Sub": ["${a}", {"a": "mine"}]}, "mine"),
        ({"Fn::Sub": "${AWS::IoT::Certificate::Id}"}, "c" * 64),
    ],
)
def test_a_value(value: Any, expected: str) -> None:
    assert configured(value, Mappings={"m": {"one": {"k": "value"}}}) == expected


@pytest.mark.parametrize(
    ("value", "code", "message"),
    [
        ({"Ref": "a"}, refusals.INVALID_PARAMETERS, texts.provisioning.unresolved("a")),
        ({"Fn::Sub": "${a}"}, refusals.INVALID_PARAMETERS, texts.provisioning.unresolved("a")),
        (
            {"Fn::Select": ["2", ["x", "y"]]},
            refusals.PROVISIONING_FAILED,
            texts.provisioning.select_out_of_range("2", 2),
        ),
        (
            {"Fn::Select": ["-1", ["x"]]},
            refusals.PROVISIONING_FAILED,
            texts.provisioning.select_out_of_range("-1", 1),
        ),
        (
            {"Fn::Select": [{"Ref": "b"}, ["x"]]},
            refusals.PROVISIONING_FAILED,
            texts.provisioning.select_out_of_range("two", 1),
        ),
        (
            {"Fn::FindInMap": ["m", "no", "k"]},
            refusals.PROVISIONING_FAILED,
            texts.provisioning.not_in_map("m", "no", "k"),
        ),
        (
            {"Fn::Join": ["", {"Fn::Split": ["", "x"]}]},
            refusals.PROVISIONING_FAILED,
            texts.provisioning.SPLIT_BY_NOTHING,
        ),
    ],
)
def test_a_value_that_comes_to_nothing(value: Any, code: str, message: str) -> None:
    with pytest.raises(RefusedError) as error:
        configured(value, given={}, Mappings={"m": {"one": {"k": "value"}}})
    assert (error.value.reason, error.value.message) == (code, message)


def test_nobody_overrides_what_the_service_says() -> None:
    assert configured({"Ref": CERTIFICATE_ID}, given={CERTIFICATE_ID: "another"}) == "c" * 64
    declared = {CERTIFICATE_ID: {"Type": "String", "Default": "another"}}
    assert configured({"Ref": CERTIFICATE_ID}, given={CERTIFICATE_ID: "another"}, Parameters=declared) == "c" * 64


@pytest.mark.parametrize(
    "value",
    [
        {"Fn::Join": [{"Ref": "a"}, ["x"] * 1000]},
        {"Fn::Join": ["", [{"Ref": "a"}] * 70]},
        {"Fn::Sub": "${a}" * 70},
        {"Fn::Join": [{"Ref": "a"}, {"Fn::Split": ["x", {"Ref": "a"}]}]},
    ],
)
def test_a_value_that_multiplies(value: Any) -> None:
    with pytest.raises(RefusedError, match=texts.provisioning.too_large(functions.MOST)):
        configured(value, given={"a": "x" * 4096})


def test_values_within_values_that_multiply() -> None:
    value: Any = "0123456789"
    for _ in range(8):
        value = {"Fn::Sub": ["${v}" * 10, {"v": value}]}
    with pytest.raises(RefusedError, match=texts.provisioning.too_large(functions.MOST)):
        configured(value)


def test_values_too_deep() -> None:
    value: Any = "x"
    for _ in range(200):
        value = {"Fn::Join": ["", [value]]}
    assert "nested more than" in problems(body(DeviceConfiguration={"x": value}))
    assert problems("[" * 5000) == problems('{"Resources":' * 1000) == texts.provisioning.BODY_INVALID


_TEXTS = st.text(max_size=20)
_VALUES = st.recursive(
    st.one_of(_TEXTS, st.integers(), st.booleans(), st.sampled_from([{"Ref": "a"}, {"Ref": CERTIFICATE_ID}])),
    lambda inner: st.one_of(
        st.tuples(_TEXTS, st.lists(inner, max_size=4)).map(lambda given: {"Fn::Join": list(given)}),
        st.tuples(inner, st.lists(inner, max_size=4)).map(lambda given: {"Fn::Select": list(given)}),
        st.tuples(inner, inner).map(lambda given: {"Fn::Join": ["", {"Fn::Split": list(given)}]}),
        st.tuples(st.sampled_from(["${v}${v}", "${a}${!v}", "${v}-"]), inner).map(
            lambda given: {"Fn::Sub": [given[0], {"v": given[1]}]}
        ),
        st.tuples(inner, inner, inner).map(lambda given: {"Fn::FindInMap": list(given)}),
    ),
    max_leaves=20,
)


@given(_VALUES, _TEXTS)
def test_any_value_comes_to_a_text_of_bounded_length_or_is_refused(value: Any, a: str) -> None:
    reader = functions.Reader({"a", CERTIFICATE_ID}, {})
    node = reader.text(value, "x")
    if reader.problems:  # a map that is not there
        return
    try:
        made = functions.Evaluation({"a": a, **ID}, {}).text(node)
    except RefusedError:
        return
    assert len(made) <= functions.MOST


_KEYS = st.sampled_from(["Ref", "Fn::Join", "Fn::Sub", "Fn::Split", "Fn::Select", "Type", "Properties", "x"])
_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | _TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(_KEYS, inner),
)


@given(_ANYTHING)
def test_any_json_is_a_template_or_told_what_is_wrong(value: Any) -> None:
    for text in (json.dumps(value), json.dumps({"Resources": value}), body(DeviceConfiguration={"x": value})):
        told = texts.provisioning.BODY_INVALID
        try:
            template.parse(text, Kind.FLEET)
        except InvalidTemplateError as error:
            told = str(error)
        assert told.startswith(texts.provisioning.BODY_INVALID)


# --- what is wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "{", "[]", '"x"', "null", "5", '{"a":"\\ud800"}'])
def test_a_body_that_is_no_object(text: str) -> None:
    assert problems(text).startswith(texts.provisioning.BODY_INVALID)


def test_a_template_without_certificate() -> None:
    text = json.dumps({"Resources": {"thing": THING}})
    assert problems(text) == "The template body is invalid: Template must have certificate resource."
    assert template.parse(text, Kind.REGISTRATION).certificate is None


def test_everything_that_is_wrong_is_told_at_once() -> None:
    told = problems(
        json.dumps(
            {
                "Foo": 1,
                "Parameters": {"p": {"Type": "Number"}, "q": {"Type": "String", "Default": 5}},
                "Mappings": {"m": {"k": "flat"}, "n": {"k": {"l": {"Ref": "p"}}}},
                "DeviceConfiguration": {"nested": {"a": {"b": "c"}}, "unknown": {"Fn::If": []}},
                "Resources": {
                    "thing": {
                        "Type": "AWS::IoT::Thing",
                        "Properties": {"AttributePayload": {"a": {"Ref": "no"}}, "ThingGroups": "g", "Name": "x"},
                        "OverrideSettings": {"ThingTypeName": "MERGE", "THING_GROUPS": "MERGE"},
                    },
                    "second": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Fn::Join": ["x"]}}},
                    "bucket": {"Type": "AWS::S3::Bucket"},
                    "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "p", "PolicyDocument": {}}},
                },
            }
        )
    )
    where = "Resources.thing.Properties"
    for sentence in (
        texts.provisioning.NO_CERTIFICATE,
        texts.provisioning.parameter_type("p"),
        texts.provisioning.parameter_default("q"),
        texts.provisioning.map_not_two_levels("m"),
        texts.provisioning.map_not_two_levels("n"),
        texts.provisioning.not_a_text("DeviceConfiguration.nested"),
        texts.provisioning.unknown_function("DeviceConfiguration.unknown", "Fn::If"),
        texts.provisioning.property_missing(where, "ThingName"),
        texts.provisioning.undeclared(f"{where}.AttributePayload.a", "no"),
        texts.provisioning.not_a_list(f"{where}.ThingGroups"),
        texts.provisioning.override_invalid(
            "Resources.thing.OverrideSettings", "ThingTypeName", ("DO_NOTHING", "REPLACE", "FAIL")
        ),
        texts.provisioning.resource_twice("AWS::IoT::Thing"),
        texts.provisioning.one_of("Resources.policy.Properties", ("PolicyName", "PolicyDocument")),
    ):
        assert sentence in told
    assert "Foo" in told
    assert "has the unknown member Name" in told
    assert "Resources.bucket must have one of the types" in told
    assert "Fn::Join in Resources.second.Properties.ThingName must have the form" in told


@pytest.mark.parametrize("kind", [Kind.FLEET, Kind.JITP])
def test_only_bulk_and_http_templates_bring_certificates(kind: Kind) -> None:
    text = json.dumps(
        {"Resources": {"c": {"Type": "AWS::IoT::Certificate", "Properties": {"CertificateSigningRequest": "csr"}}}}
    )
    assert texts.provisioning.certificate_id_only("Resources.c.Properties") in problems(text, kind)
    assert template.parse(text, Kind.REGISTRATION).certificate is not None


@pytest.mark.parametrize("kind", [Kind.JITP, Kind.REGISTRATION])
@pytest.mark.parametrize("section", ["Mappings", "DeviceConfiguration"])
def test_some_sections_are_for_fleets(kind: Kind, section: str) -> None:
    assert texts.provisioning.fleet_only(section) in problems(body(**{section: {}}), kind)


def test_package_versions_are_refused_clearly() -> None:
    thing = {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": "t", "PackageVersions": {"p": "1"}}}
    assert "does not carry out" in problems(body(Resources={"certificate": CERTIFICATE, "thing": thing}))


# --- plans ----------------------------------------------------------------------------------------------------------


def test_a_whole_plan() -> None:
    text = json.dumps(
        {
            "Parameters": {"SerialNumber": {"Type": "String"}, "Site": {"Type": "String", "Default": "north"}},
            "Resources": {
                "thing": {
                    "Type": "AWS::IoT::Thing",
                    "Properties": {
                        "ThingName": {"Fn::Sub": "pump-${SerialNumber}"},
                        "AttributePayload": {"site": {"Ref": "Site"}, "v": "1"},
                        "ThingTypeName": "pump",
                        "ThingGroups": ["all", {"Ref": "Site"}, "all"],
                        "BillingGroup": "b",
                    },
                    "OverrideSettings": {"AttributePayload": "MERGE", "THING_TYPE_NAME": "FAIL"},
                },
                "certificate": {
                    "Type": "AWS::IoT::Certificate",
                    "Properties": {"CertificateId": {"Ref": CERTIFICATE_ID}, "Status": "Inactive"},
                    "OverrideSettings": {"Status": "REPLACE"},
                },
                "policy": {"Type": "AWS::IoT::Policy", "Properties": {"PolicyName": "p"}},
                "own": {
                    "Type": "AWS::IoT::Policy",
                    "Properties": {
                        "PolicyDocument": {"Statement": [{"Resource": {"Fn::Sub": "arn:${Site}"}, "Action": ["a"]}]}
                    },
                },
            },
        }
    )
    made = plan.evaluate(template.parse(text, Kind.FLEET), {"SerialNumber": "7"}, ID)
    override = (Override.MERGE, Override.FAIL, Override.DO_NOTHING)
    groups = ["all", "north"]
    assert made.thing == plan.Thing("thing", "pump-7", {"site": "north", "v": "1"}, "pump", groups, "b", *override)
    assert made.certificate is not None
    assert (made.certificate.certificate_id, made.certificate.status) == (ID[CERTIFICATE_ID], "INACTIVE")
    assert made.policies[0] == plan.Policy("policy", "p", None)
    assert made.policies[1].document == '{"Statement":[{"Resource":"arn:north","Action":["a"]}]}'


def _policy_of(document: Any) -> plan.Policy:
    policy = {"Type": "AWS::IoT::Policy", "Properties": {"PolicyDocument": document}}
    text = body(Resources={"certificate": CERTIFICATE, "policy": policy})
    return plan.evaluate(template.parse(text, Kind.FLEET), {}, ID).policies[0]


def test_equal_documents_share_a_policy() -> None:
    assert _policy_of({"a": "b"}) == _policy_of('{"a":"b"}')
    assert _policy_of({"a": "b"}).name != _policy_of({"a": "c"}).name


def test_a_status_that_is_none() -> None:
    certificate = {**CERTIFICATE, "Properties": {**CERTIFICATE["Properties"], "Status": "REVOKED"}}  # type: ignore[dict-item]
    found = template.parse(body(Resources={"certificate": certificate}), Kind.FLEET)
    with pytest.raises(RefusedError, match="Invalid certificate status REVOKED"):
        plan.evaluate(found, {}, ID)


def test_a_certificate_without_a_part_of_its_name_that_the_template_declares() -> None:
    name = "AWS::IoT::Certificate::CommonName"
    text = body(Parameters={name: {"Type": "String", "Default": "x"}})
    found = template.parse(text, Kind.JITP)
    known = template.subject_parameters("id", {"CommonName": ["device", "second"], "State": ["s"]})
    assert known == {CERTIFICATE_ID: "id", name: "device", "AWS::IoT::Certificate::StateName": "s"}
    assert plan.evaluate(found, {}, known).certificate is not None
    with pytest.raises(RefusedError, match=texts.provisioning.unresolved(name)):
        plan.evaluate(found, {}, {CERTIFICATE_ID: "id"})


# --- hooks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("allows", ["true", '"true"', '"TRUE"', "1", "-1", "0.5"])
def test_a_hook_that_allows(allows: str) -> None:
    assert hook.overrides(f'{{"allowProvisioning":{allows}}}'.encode()) == {}


@pytest.mark.parametrize("allows", ["false", '"yes"', '""', "0", "0.0", "null", "[]", "{}", "[true]"])
def test_a_hook_that_does_not(allows: str) -> None:
    with pytest.raises(RefusedError) as error:
        hook.overrides(f'{{"allowProvisioning":{allows},"parameterOverrides":[]}}'.encode())
    assert (error.value.reason, error.value.status, error.value.message) == ("AccessDenied", 403, "Access Denied")


def test_parameters_of_a_hook() -> None:
    answer = b'{"allowProvisioning":true,"parameterOverrides":{"a":"x","b":5,"c":true,"d":null,"e":1.5}}'
    assert hook.overrides(answer) == {"a": "x", "b": "5", "c": "true", "d": None, "e": "1.5"}
    assert hook.overrides(b'{"allowProvisioning":true,"parameterOverrides":null}') == {}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (b"", texts.provisioning.HOOK_SILENT),
        (b" null\n", texts.provisioning.HOOK_SILENT),
        (b"true", texts.provisioning.HOOK_UNREADABLE),
        (b"OK", texts.provisioning.HOOK_UNREADABLE),
        (b"[" * 5000, texts.provisioning.HOOK_UNREADABLE),
        (b"\xff", texts.provisioning.HOOK_UNREADABLE),
        (b'{"allowProvisioning":true,"parameterOverrides":[]}', texts.provisioning.HOOK_UNREADABLE),
        (b'{"allowProvisioning":true,"parameterOverrides":{"a":{}}}', texts.provisioning.HOOK_UNREADABLE),
        (b'{"allowProvisioning":true,"parameterOverrides":{"a":[]}}', texts.provisioning.HOOK_UNREADABLE),
    ],
)
def test_an_answer_that_says_nothing(answer: bytes, message: str) -> None:
    with pytest.raises(RefusedError) as error:
        hook.overrides(answer)
    assert (error.value.reason, error.value.message) == ("InvalidResult", message)


def test_a_value_that_a_hook_takes_away_is_not_the_default() -> None:
    with pytest.raises(RefusedError, match=texts.provisioning.unresolved("b")):
        configured({"Ref": "b"}, given={"b": None})
