"""Requests that a client could send, from sensible to hostile, for every operation of botocore's models.

Three kinds, of which the middle ones find most: *plausible* (members that fit each other and what the server holds),
*wild* (the right types, any values) and *broken* (a request that botocore wrote and something then damaged).
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple
from urllib.parse import quote

from botocore.model import OperationModel, Shape
from botocore.serialize import create_serializer
from hypothesis import strategies as st

from tests.wire import model_values

REGION, ACCOUNT = "eu-west-1", "000000000000"
THINGS, GROUPS, JOBS, TEMPLATES = (
    ["t1", "t2", "a:b", "t9"],
    ["g1", "g2", "d1"],
    ["j1", "j2", "j3", "j7", "j8", "j9"],
    ["tpl1", "tpl2", "tpl9"],
)
COMMANDS = ["c1", "c2", "c9"]
PACKAGES, VERSIONS, POLICIES, TYPES = ["p1", "p2"], ["1.0", "2.0"], ["pol1", "pol2"], ["type1", "type2"]
CERTIFICATE = "0123456789abcdef" * 4


def _arn(resource: str) -> str:
    return f"arn:aws:iot:{REGION}:{ACCOUNT}:{resource}"


TARGETS = [_arn(f"thing/{name}") for name in THINGS] + [_arn(f"thinggroup/{name}") for name in GROUPS]
_VERSION_ARNS = [_arn(f"package/{p}/version/{v}") for p in PACKAGES for v in [*VERSIONS, "$default", "$null"]]
_RESOURCES = [
    *TARGETS,
    *(_arn(f"job/{name}") for name in JOBS),
    *(_arn(f"jobtemplate/{name}") for name in TEMPLATES),
    *(_arn(f"package/{name}") for name in PACKAGES),
    *(_arn(f"thingtype/{name}") for name in TYPES),
    *(_arn(f"policy/{name}") for name in POLICIES),
    _arn("billinggroup/b1"),
    _arn(f"cert/{CERTIFICATE}"),
]
_MANAGED = f"arn:aws:iot:{REGION}::jobtemplate/AWS-Reboot:1.0"
_DOCUMENTS = [
    "{}",
    '{"a":1}',
    '{"steps":[{"a":"b"}]}',
    '{"deep":{"er":["x",1,null]}}',
    "[]",
    "nonsense",
    '{"u":"${aws:iot:s3-presigned-url:https://s3.amazonaws.com/b/k}"}',
    '{"v":"${aws:iot:package:p1:version:$default:attributes:k}"}',
    '{"x":"${aws:iot:',
    '{"thing":"${thingName}"}',
    '{"half":"${aws:iot:\\ud800}"}',
]
_POLICY = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}'
_QUERIES = [
    "*",
    "thingName:t*",
    "attributes.a:1 AND NOT thingName:t2",
    "a:(",
    "connectivity.connected:true",
    "x:[1 TO 3]",
]
_TIMES = ["2099-01-01 00:00", "2026-01-01T00:00:00Z", "soon", "2099/02/30 10:00"]

PLAUSIBLE: dict[str, list[Any]] = {
    "provisioningRoleArn": ["arn:aws:iam::123456789012:role/provisioning"],
    "templateBody": [
        '{"Parameters":{"a":{"Type":"String"}},"Resources":{"c":{"Type":"AWS::IoT::Certificate",'
        '"Properties":{"CertificateId":{"Ref":"AWS::IoT::Certificate::Id"}}}}}',
        '{"Resources":{"t":{"Type":"AWS::IoT::Thing","Properties":{"ThingName":{"Fn::Sub":"${a}"}}}}}',
    ],
    "thingName": THINGS,
    "thingArn": [_arn(f"thing/{name}") for name in THINGS],
    "thingGroupName": GROUPS,
    "parentGroupName": GROUPS,
    "parentGroup": GROUPS,
    "thingGroupArn": [_arn(f"thinggroup/{name}") for name in GROUPS],
    "jobId": JOBS,
    "jobArn": [_arn(f"job/{name}") for name in JOBS],
    "jobTemplateId": TEMPLATES,
    "jobTemplateArn": [*(_arn(f"jobtemplate/{name}") for name in TEMPLATES), _MANAGED],
    "templateName": ["AWS-Reboot", "AWS-Download-File", "none"],
    "policyName": POLICIES,
    "policyDocument": [_POLICY, "{}", '{"Version":"2012-10-17","Statement":[]}', "x"],
    "policyVersionId": ["1", "2", "77"],
    "thingTypeName": TYPES,
    "billingGroupName": ["b1", "b2"],
    "packageName": PACKAGES,
    "versionName": VERSIONS,
    "defaultVersionName": VERSIONS,
    "certificateId": [CERTIFICATE, "f" * 64],
    "caCertificateId": [CERTIFICATE, "f" * 64],
    "principal": [_arn(f"cert/{CERTIFICATE}"), "none"],
    "target": [_arn(f"cert/{CERTIFICATE}"), *TARGETS],
    "resourceArn": _RESOURCES,
    "document": _DOCUMENTS,
    "documentSource": ["https://s3.amazonaws.com/b/k", "https://b.s3.eu-west-1.amazonaws.com/k", "ftp://x", ""],
    "queryString": _QUERIES,
    "indexName": ["AWS_Things", "AWS_ThingGroups", "none"],
    "aggregationField": ["registry.version", "attributes.a", "thingName"],
    "roleArn": [f"arn:aws:iam::{ACCOUNT}:role/r", "arn:aws:iam::1:role/r"],
    "startTime": [*_TIMES, "cron(0 10 * * ? *)", "0 10 * * ? *", "* * *"],
    "endTime": _TIMES,
    "nextToken": ["", "abc", "e30", "W10="],
    "topic": [
        *("a/b", "a/b", "a/+/b", "a//b", "/", "%2F", "$aws/rules/r/a", "$aws/events/job/j/x", "$SYS"),
        *("$aws/things/t1/jobs/get", "$aws/things/t1/jobs/job-1/update", "$aws/things/t1/jobs/start-next"),
        *("$aws/things/t1/shadow/update", "$aws/things/t1/shadow/name/s1/get"),
    ],
    "responseTopic": ["a/b", "a/#", ""],
    "correlationData": ["AAE=", "?"],
    "userProperties": ['[{"a":"b"}]', '[{"a":1}]', '[{"a":"\\u0000"}]', "{", "null"],
    "shadowName": ["s1", "$package", "x"],
    "payload": [b"{}", b'{"state":{"desired":{"a":1}}}', b"\xff", b""],
    "namespaceId": ["n1", "n2"],
    "commandId": COMMANDS,
    "commandArn": [_arn(f"command/{name}") for name in COMMANDS],
    "targetArn": [_arn("thing/t1"), _arn("client/c 1"), _arn("client/a/b")],
    "executionId": ["e1", "00000000-0000-4000-8000-000000000001"],
    "payloadTemplate": ['{"a":"${aws:iot:commandexecution::parameter:p}"}', "[", "{}"],
    "after": ["2026-01-01T00:00", "2026-02-30T00:00", "soon"],
}
_LISTS: dict[str, list[Any]] = {
    "targets": TARGETS,
    "destinationPackageVersions": _VERSION_ARNS,
    "thingGroupsToAdd": GROUPS,
    "thingGroupsToRemove": GROUPS,
}


_SETTINGS: dict[str, list[Any]] = {
    "timeoutConfig": [{"inProgressTimeoutInMinutes": 5}],
    "jobExecutionsRolloutConfig": [
        {"maximumPerMinute": 10},
        {
            "exponentialRate": {
                "baseRatePerMinute": 5,
                "incrementFactor": 1.5,
                "rateIncreaseCriteria": {"numberOfNotifiedThings": 5},
            }
        },
    ],
    "abortConfig": [
        {
            "criteriaList": [
                {"failureType": "ALL", "action": "CANCEL", "thresholdPercentage": 20.0, "minNumberOfExecutedThings": 1}
            ]
        }
    ],
    "jobExecutionsRetryConfig": [{"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 2}]}],
    "schedulingConfig": [
        {"startTime": "2026-12-31 00:00"},
        {"maintenanceWindows": [{"startTime": "0 10 * * ? *", "durationInMinutes": 60}]},
    ],
    "maintenanceWindows": [[{"startTime": "0 10 * * ? *", "durationInMinutes": 60}]],
    "tags": [[{"Key": "k", "Value": "v"}]],
    "presignedUrlConfig": [{"roleArn": f"arn:aws:iam::{ACCOUNT}:role/r", "expiresInSec": 60}],
    "attributePayload": [{"attributes": {"a": "1"}}],
    "statusDetails": [{"step": "1"}],
    "preprocessor": [
        {"awsJsonSubstitution": {"outputFormat": "JSON"}},
        {"awsJsonSubstitution": {"outputFormat": "CBOR"}},
    ],
    "mandatoryParameters": [
        [{"name": "p", "type": "STRING"}],
        [{"name": "p", "type": "LONG", "defaultValue": {"L": 1}}],
    ],
}
_ESSENTIAL = {
    "CreateCommand": ["payload"],
    "CreateJob": ["document"],
    "CreateJobTemplate": ["document"],
    "UpdateThing": ["attributePayload"],
}
"""What an operation needs although its model does not say so."""


class Sent(NamedTuple):
    """A request as it goes over the wire."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


def plausible(shape: Shape, name: str = "") -> st.SearchStrategy[Any]:
    """Values that mean something to a server which holds the names above; one in five may be any valid one."""
    if name in PLAUSIBLE and shape.type_name not in ("structure", "list", "map"):
        known = st.sampled_from(PLAUSIBLE[name])
        return known if name == "payload" else _mostly(known, model_values.values(shape, "uri"))
    if name in _LISTS:
        return st.lists(st.sampled_from(_LISTS[name]), min_size=1, max_size=3)
    if name in _SETTINGS and isinstance(_SETTINGS[name][0], list if shape.type_name == "list" else dict):
        return _mostly(st.sampled_from(_SETTINGS[name]), _inside(shape, name))
    return _inside(shape, name)


def _inside(shape: Shape, name: str) -> st.SearchStrategy[Any]:
    if shape.type_name == "structure":
        return _members(shape, [])
    if shape.type_name == "list":
        return st.lists(plausible(shape.member, name), min_size=1, max_size=2)
    return model_values.values(shape)


@st.composite
def _members(draw: st.DrawFn, shape: Shape, essential: list[str]) -> dict[str, Any]:
    """What is required and at most three further members: with more, one of them is always wrong."""
    needed = [*shape.required_members, *essential]
    others = [name for name in shape.members if name not in needed]
    chosen = draw(st.lists(st.sampled_from(others), max_size=3, unique=True)) if others else []
    return {name: draw(plausible(shape.members[name], name)) for name in [*needed, *chosen]}


@st.composite
def _mostly(draw: st.DrawFn, usual: st.SearchStrategy[Any], other: st.SearchStrategy[Any]) -> Any:
    return draw(other if draw(st.integers(0, 4)) == 4 else usual)


def requests(model: OperationModel) -> st.SearchStrategy[Sent]:
    """Anything a client may send to an operation."""
    if model.input_shape is None:
        return st.just(_written(model, {}))
    shape = model.input_shape
    sensible = _members(shape, _ESSENTIAL.get(model.name, [])).map(lambda members: _written(model, members))
    wild = model_values.wild(shape).map(lambda members: _written(model, members))
    return sensible | sensible | sensible | wild | st.builds(damaged, sensible, st.randoms(use_true_random=False))


def _written(model: OperationModel, members: dict[str, Any]) -> Sent:
    """What botocore sends for these members, without its own checks; empty labels get a name of their own."""
    filled = dict(members)
    for name, shape in (model.input_shape.members if model.input_shape else {}).items():
        if shape.serialization.get("location") == "uri" and not filled.get(name):
            filled[name] = "unnamed"
    made = create_serializer("rest-json", include_validation=False).serialize_to_request(filled, model)
    pairs = made["query_string"].items()
    query = "&".join(f"{quote(key)}={quote(str(value))}" for key, value in pairs)
    body = made["body"]
    raw = body if isinstance(body, bytes) else str(body).encode() if body else b""
    headers = {name: value for name, value in made["headers"].items() if value.isprintable() and value.isascii()}
    return Sent(made["method"], quote(made["url_path"], safe="/%:@$~") + (f"?{query}" if query else ""), headers, raw)


_NODES: list[Any] = [None, True, 0, -1, 1.5, 10**30, "", "x", "\ud800", [], [None], {}, {"a": {"a": []}}]
_QUERY = [
    "maxResults=abc",
    "maxResults=0",
    "force=TRUE",
    "nextToken=%ff",
    "a=%",
    "maxResults=1&maxResults=2",
    "=",
    "%00=1",
]
_BODIES = [b"", b"{", b"[]", b"null", b"1", b'"x"', b"\xff\xfe", b"[" * 3000, b'{"a":1e999}', b'{"a":NaN}']


def damaged(sent: Sent, chance: Any) -> Sent:
    """A request with one thing wrong: a member, the whole body, the query or the path."""
    what = chance.choice(["member", "member", "member", "body", "query", "path"])
    if what == "query":
        return sent._replace(path=sent.path + ("&" if "?" in sent.path else "?") + chance.choice(_QUERY))
    if what == "path":
        return sent._replace(path=sent.path.replace("1", chance.choice(["%", "%zz", "%00", "%2F", "%ff", "%20", "é"])))
    if what == "member":
        try:
            body = json.loads(sent.body)
        except ValueError:
            return sent._replace(body=chance.choice(_BODIES))
        if isinstance(body, dict) and body:
            return sent._replace(body=json.dumps(_bent(body, chance)).encode())
    return sent._replace(body=chance.choice(_BODIES))


def _bent(node: Any, chance: Any) -> Any:
    if isinstance(node, dict) and node and chance.random() < 0.8:
        key = chance.choice(sorted(node))
        return {**node, key: _bent(node[key], chance)}
    if isinstance(node, list) and node and chance.random() < 0.8:
        return [_bent(node[0], chance), *node[1:]]
    return chance.choice(_NODES)
