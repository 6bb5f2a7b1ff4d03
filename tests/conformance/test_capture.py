from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.test_conformance import where
from tests.servers import Started, options, started
from tidegate.clock import RandomIds
from tidegate.conformance import capture, run
from tidegate.conformance.capture import Exchange
from tidegate.conformance.expectation import Evidence, Outcome

SOME = ("templates.*", "model.DescribeJob.*")
"""Twenty expectations or more, without MQTT and time."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    with started(options(tmp_path_factory.mktemp("capture"), clock="movable")) as server:
        yield server


def captured(server: Started) -> dict[str, list[Exchange]]:
    found: dict[str, list[Exchange]] = {}
    assert len(list(run.observe(where(server), run.chosen(SOME)[:12], RandomIds(), found))) == 12
    return found


def test_two_captures_of_an_endpoint_are_equal_and_tell_nothing_of_whose_it_is(server: Started) -> None:
    one, other = captured(server), captured(server)
    assert one == other
    text = capture.written(one, {"endpoint": "another endpoint"})
    port = server.addresses.http.rpartition(":")[2]
    assert not [word for word in (server.addresses.account, "localhost", "127.0.0.1", port) if word in text]
    assert capture.read(text) == ({"endpoint": "another endpoint"}, json.loads(json.dumps(one)) and one)


def test_what_was_captured_is_expected(server: Started) -> None:
    known = captured(server)
    wanted = run.chosen(SOME)[:12]
    for result in run.compare(where(server), wanted, RandomIds(), known, Evidence.LIVE, "2026-12-01"):
        assert result.outcome is Outcome.PASSED, result
        assert result.expectation.id.startswith("captured.")
        assert (result.expectation.evidence, result.expectation.source) == (Evidence.LIVE, "2026-12-01")


EXCHANGE = Exchange("iot DescribeJob", {}, 200, "", {"job": {"jobId": "a", "n": 1}})


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([EXCHANGE], []),
        ([EXCHANGE._replace(told={"job": {"jobId": "b", "n": 7}})], []),
        (
            [EXCHANGE._replace(told={"job": {"jobId": 3, "m": 1}})],
            ["without job.jobId (str), job.n (number)", "with job."],
        ),
        (
            [EXCHANGE._replace(status=404, code="ResourceNotFoundException")],
            ["404 ResourceNotFoundException instead of 200"],
        ),
        ([EXCHANGE._replace(what="iot CreateJob")], ["after another answer iot CreateJob"]),
        ([], ["0 exchanges instead of 1"]),
    ],
)
def test_differences(found: list[Exchange], told: list[str]) -> None:
    differences = capture.differences([EXCHANGE], found)
    assert len(differences) == len(told)
    assert all(wanted in each for wanted, each in zip(told, differences, strict=True))


def test_sentences_of_refusals_are_compared() -> None:
    refused = Exchange("iot DescribeJob", {}, 404, "ResourceNotFoundException", "No job of this name.")
    assert capture.differences([refused], [refused]) == []
    assert capture.differences([refused], [refused._replace(told="Nothing.")]) == [
        "iot DescribeJob: 'Nothing.' instead of 'No job of this name.'"
    ]


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (
            "arn:aws:iot:eu-west-1:123456789012:thing/tgc-0a1b2c3d-thing-17",
            "arn:aws:iot:eu-west-1:ACCOUNT:thing/tgc-thing",
        ),
        ("a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com", "HOST"),
        ("http://10.0.0.7:8443/x", "http://HOST/x"),
        ("AKIAIOSFODNN7EXAMPLE", "KEY"),
        ("f" * 64, "CERTIFICATE"),
        ("request 0a1b2c3d-0a1b-4a1b-8a1b-0a1b2c3d4e5f", "request ID"),
        ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n", "PEM"),
        ({"nextToken": "abc", "createdAt": 1.5, "n": 3}, {"nextToken": "TOKEN", "createdAt": "TIME", "n": 3}),
        ([datetime(2026, 1, 1, tzinfo=UTC), "at 2026-01-01T00:00:00Z"], ["TIME", "at TIME"]),
        ("https://x/y?X-Amz-Signature=00ff&z=1", "https://x/y?KEY&z=1"),
        (b"bytes", "bytes"),
        ("a sentence.", "a sentence."),
    ],
)
def test_redaction(value: Any, told: Any) -> None:
    assert capture.redacted(value) == told


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"captured": {}, "expectations": {"a": [{}]}}'])
def test_what_is_no_capture(text: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="that is no capture"):
        capture.read(text)
