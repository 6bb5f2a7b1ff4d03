"""Managed templates: the catalogue, and what parameters do to its documents."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core import checks, managed

DOWNLOAD = managed.CATALOGUE["AWS-Download-File"]
GIVEN = {"downloadUrl": "https://example.com/a", "filePath": "/tmp/a"}


def test_the_documents_are_aws_s() -> None:
    assert DOWNLOAD.document == (
        '{"version":"1.0","steps":[{"action":{"name":"Download-File","type":"runHandler","input":{"handler":'
        '"download-file.sh","args":["${aws:iot:parameter:downloadUrl}","${aws:iot:parameter:filePath}"],"path":'
        '"${aws:iot:parameter:pathToHandler}"},"runAsUser":"${aws:iot:parameter:runAsUser}"}}]}'
    )
    assert managed.CATALOGUE["AWS-Reboot"].document == (
        '{"version":"1.0","steps":[{"action":{"name":"Reboot","type":"runHandler","input":{"handler":"reboot.sh",'
        '"path":"${aws:iot:parameter:pathToHandler}"},"runAsUser":"${aws:iot:parameter:runAsUser}"}}]}'
    )
    assert managed.CATALOGUE["AWS-Run-Command"].document == (
        '{"version":"1.0","steps":[{"action":{"name":"Run-Command","type":"runCommand","input":{"command":'
        '"${aws:iot:parameter:command}"},"runAsUser":"${aws:iot:parameter:runAsUser}"}}]}'
    )


def test_the_catalogue() -> None:
    required = {
        name: [one.key for one in template.parameters if not one.optional]
        for name, template in managed.CATALOGUE.items()
    }
    assert required == {
        "AWS-Reboot": [],
        "AWS-Download-File": ["downloadUrl", "filePath"],
        "AWS-Install-Application": ["packages"],
        "AWS-Remove-Application": ["packages"],
        "AWS-Start-Application": ["services"],
        "AWS-Stop-Application": ["services"],
        "AWS-Restart-Application": ["services"],
        "AWS-Run-Command": ["command"],
    }
    for template in managed.CATALOGUE.values():
        optional = [one.key for one in template.parameters if one.optional]
        assert optional == (["runAsUser"] if template.name == "AWS-Run-Command" else ["runAsUser", "pathToHandler"])
        assert all(f"${{aws:iot:parameter:{one.key}}}" in template.document for one in template.parameters)


def test_optional_parameters_become_empty() -> None:
    assert managed.substituted(DOWNLOAD.document, GIVEN) == (
        '{"version":"1.0","steps":[{"action":{"name":"Download-File","type":"runHandler","input":{"handler":'
        '"download-file.sh","args":["https://example.com/a","/tmp/a"],"path":""},"runAsUser":""}}]}'
    )


@given(st.text(st.characters(exclude_categories=["C"]), min_size=1))
def test_a_value_is_taken_as_it_is(value: str) -> None:
    document = managed.substituted(DOWNLOAD.document, {**GIVEN, "filePath": value})
    assert json.loads(document)["steps"][0]["action"]["input"]["args"] == [GIVEN["downloadUrl"], value]
    assert checks.job_document(document) == []


def test_a_placeholder_in_a_value_is_not_expanded() -> None:
    value = "${aws:iot:parameter:downloadUrl}"
    document = managed.substituted(DOWNLOAD.document, {**GIVEN, "filePath": value})
    assert json.loads(document)["steps"][0]["action"]["input"]["args"][1] == value


@pytest.mark.parametrize(
    ("given", "problems"),
    [
        (GIVEN, []),
        ({**GIVEN, "runAsUser": "u" * 256, "pathToHandler": "p" * 4096}, []),
        (
            {"downloadUrl": "x", "file": "y"},
            [
                "Document parameter filePath is required by managed job template AWS-Download-File.",
                "Document parameter file is not a parameter of managed job template AWS-Download-File.",
            ],
        ),
        (
            {**GIVEN, "runAsUser": "u" * 257},
            [f"Document parameter runAsUser with value {'u' * 257} does not match (.){{0,256}}."],
        ),
        (
            {**GIVEN, "filePath": "a\u2028b"},
            ["Document parameter filePath with value a\u2028b does not match (.*?)."],
        ),
    ],
)
def test_parameters(given: dict[str, str], problems: list[str]) -> None:
    assert managed.problems(DOWNLOAD, given) == problems
