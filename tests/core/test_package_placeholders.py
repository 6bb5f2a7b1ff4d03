"""Package placeholders: mistakes, attributes put in place, artifacts named."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from tests.core.fragments import documents
from tidegate.core import package_placeholders, presign, texts
from tidegate.core.location import Location
from tidegate.core.package_placeholders import PackageVersion, Resolved

SAID = texts.placeholders
VERSIONS = {
    ("p", "1"): PackageVersion(
        "1", {"url": "https://s3.amazonaws.com/bucket/key", 'q"': 'a"\\${x}'}, Location("b", "k")
    ),
    ("q", "$default"): PackageVersion("7", {"size": "5"}),
}
LISTED = list(VERSIONS)


def resolved(value: str, listed: Any = LISTED) -> Resolved:
    return package_placeholders.resolved(json.dumps({"a": value}), listed, VERSIONS)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("v${aws:iot:package:q:version:$default:attributes:size}v", "v5v"),
        ("${aws:iot:package:q:version:$default:attributes}", {"size": "5"}),
        ("${aws:iot:package:p:version:1:attributes}", {"url": "https://s3.amazonaws.com/bucket/key", 'q"': 'a"\\${x}'}),
        (
            "${aws:iot:package:p:version:1:artifact-location:s3-presigned-url}",
            "${aws:iot:package:p:version:1:artifact:s3-presigned-url}",
        ),
        (
            "${aws:iot:s3-presigned-url:${aws:iot:package:p:version:1:attributes:url}}",
            "${aws:iot:s3-presigned-url:https://s3.amazonaws.com/bucket/key}",
        ),
        ("${HOME} ${thingName}", "${HOME} ${thingName}"),
    ],
)
def test_resolving(value: str, expected: Any) -> None:
    found = resolved(value)
    assert found.problems == []
    assert json.loads(found.document) == {"a": expected}


def test_empty_names_stand_for_the_only_version() -> None:
    found = resolved("${aws:iot:package::version::attributes:size}", [("q", "$default")])
    assert json.loads(found.document) == {"a": "5"}


def test_artifacts_are_named_and_found() -> None:
    text = "${aws:iot:package:p:version:1:artifact:s3-presigned-url}"
    found = resolved(f"<{text}>")
    assert (found.artifacts, found.packages) == ({text: Location("b", "k")}, {text: ("p", "1")})
    assert len(presign.read(found.document, artifacts=found.artifacts).slots) == 1


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ("${aws:iot:package::version::attributes:x}", SAID.PACKAGE_AMBIGUOUS),
        ("${aws:iot:package:p:version::attributes:x}", SAID.PACKAGE_PAIR),
        ("${aws:iot:package::version:1:attributes}", SAID.PACKAGE_PAIR),
        ("${aws:iot:package:p:version:$null:attributes}", SAID.PACKAGE_NULL),
        ("x${aws:iot:package:p:version:1:attributes}", SAID.ATTRIBUTES_ALONE),
        ("${aws:iot:s3-presigned-url:${aws:iot:package:p:version:1:attributes}}", SAID.ATTRIBUTES_ALONE),
        ("${aws:iot:s3-presigned-url:${aws:iot:package:p:version:1:artifact:s3-presigned-url}}", SAID.ARTIFACT_NESTED),
        ("${aws:iot:package:q:version:$default:artifact:s3-presigned-url}", SAID.artifact_missing("q", "7")),
        ("${aws:iot:package:q:version:$default:attributes:x}", SAID.attribute_missing("q", "7", "x")),
        ("${aws:iot:package:p:version:$default:attributes:x}", SAID.package_not_listed("p", "$default")),
        ("${aws:iot:package:p:version:2:attributes}", SAID.package_not_listed("p", "2")),
        ("${aws:iot:package:p:1}", SAID.package_invalid("${aws:iot:package:p:1}")),
        ("${aws:iot:package:${thingName}:version:1:attributes}", SAID.LOCAL_OUTSIDE_UPLOAD),
        ("${aws:iot:package:${aws:iot:package:p}:version:1:attributes}", SAID.second_layer("iot:package")),
    ],
)
def test_mistakes(value: str, problem: str) -> None:
    assert resolved(value).problems == [problem]


def test_empty_names_need_a_version_that_is_one() -> None:
    value = "${aws:iot:package::version::attributes}"
    assert resolved(value, [("p", "$null")]).problems == [SAID.PACKAGE_NULL]
    assert resolved(value, []).problems == [SAID.PACKAGE_NONE_LISTED]
    assert package_placeholders.problems(f'"{value}"', None) == []


@given(documents())
def test_any_document_is_resolved_to_json(text: str) -> None:
    found = package_placeholders.resolved(text, LISTED, VERSIONS)
    json.loads(found.document)
    if "aws:iot:package" not in json.dumps(json.loads(text)):
        assert found == (text, [], {}, {})
