"""Presign placeholders: what each mistake is called, what stays literal, keys of uploads, the time of signing."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.fragments import documents
from tidegate.core import presign, texts
from tidegate.core.location import Location
from tidegate.core.presign import Download, Execution, Slot, Upload

SAID = texts.placeholders
OBJECT = "https://s3.eu-west-1.amazonaws.com/bucket/key"
ME = Execution("thing:1", "job", 3)


def read(value: str) -> presign.Reading:
    return presign.read(json.dumps({"a": [value]}), region="eu-west-1", hosts={"localhost:9000"})


@pytest.mark.parametrize(
    ("value", "slot"),
    [
        (f"${{aws:iot:s3-presigned-url:{OBJECT}}}", Download("bucket", "key")),
        (f"${{aws:iot:s3-presigned-url-v1:{OBJECT}}}", Download("bucket", "key")),
        (f"${{aws:iot:s3-presigned-url-v2:{OBJECT}}}", Download("bucket", "key")),
        (f"${{aws:iot:s3-presigned-url-v2:{OBJECT}%3FversionId%3Dv}}", Download("bucket", "key", "v")),
        ("${aws:iot:s3-presigned-url-v2:https://bucket.s3.us-east-1.amazonaws.com/a%20b}", Download("bucket", "a b")),
        ("${aws:iot:s3-presigned-url:http://localhost:9000/bucket/key}", Download("bucket", "key")),
        (f"${{aws:iot:s3-presigned-url-upload:{OBJECT}}}", Upload("bucket", "key")),
        (
            f"${{aws:iot:s3-presigned-url-upload:{OBJECT}/${{jobId}}-${{jobId}}}}",
            Upload("bucket", "key/${jobId}-${jobId}"),
        ),
        (
            "${aws:iot:s3-presigned-url-upload:https://s3.amazonaws.com/bucket}",
            Upload("bucket", "${thingName}/${jobId}/${executionNumber}"),
        ),
        ("${aws:iot:s3-presigned-url-upload:https://bucket.s3.amazonaws.com/k}", Upload("bucket", "k")),
    ],
)
def test_slots(value: str, slot: Slot) -> None:
    found = read(value)
    assert found.problems == []
    assert found.slots == [slot]
    assert found.pieces == ['{"a": ["', slot, '"]}']
    assert presign.decode(presign.encode(found.pieces)) == found.pieces


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (f"${{aws:iot:s3-presigned-url:{OBJECT}", SAID.NOT_TERMINATED),
        ("${aws:iot:s3-presigned-url:https://example.com/b/k}", SAID.DOWNLOAD_INVALID),
        ("${aws:iot:s3-presigned-url:https://s3.amazonaws.com/bucket/}", SAID.DOWNLOAD_INVALID),
        (f"${{aws:iot:s3-presigned-url:{OBJECT}?versionId=v}}", SAID.DOWNLOAD_INVALID),
        ("${aws:iot:s3-presigned-url:}", SAID.DOWNLOAD_INVALID),
        ("${aws:iot:s3-presigned-url}", SAID.DOWNLOAD_INVALID),
        (f"${{aws:iot:s3-presigned-url:{OBJECT}${{x}}}}", SAID.DOWNLOAD_INVALID),
        (f"${{aws:iot:s3-presigned-url:{OBJECT}${{thingName}}}}", SAID.LOCAL_OUTSIDE_UPLOAD),
        (
            f"${{aws:iot:s3-presigned-url:${{aws:iot:s3-presigned-url:{OBJECT}}}}}",
            "${aws:iot:s3-presigned-url[...]} should not be the second layer pattern.",
        ),
        ("run ${thingName}", SAID.LOCAL_OUTSIDE_UPLOAD),
        ("${jobId}", SAID.LOCAL_OUTSIDE_UPLOAD),
        ("${aws:iot:code-sign-signature:s3://eu-west-1.bucket/f@1}", SAID.CODE_SIGNING),
        ("${aws:iot:s3-presigned-url:${aws:iot:code-sign-signature:s3://r.b/f@1}}", SAID.CODE_SIGNING),
        ("${aws:iot:nothing:x}", "${aws:iot:nothing[...]} is not a placeholder that this service knows."),
        (
            "${aws:iot:s3-presigned-url-upload:https://s3.us-east-1.amazonaws.com/bucket/key}",
            SAID.UPLOAD_CROSS_REGION,
        ),
        ("${aws:iot:s3-presigned-url-upload:https://s3.amazonaws.com}", SAID.UPLOAD_WITHOUT_BUCKET),
        ("${aws:iot:s3-presigned-url-upload:https://s3.amazonaws.com/My_Bucket/k}", SAID.BUCKET_NAME_INVALID),
        (
            "${aws:iot:s3-presigned-url-upload:https://example.com/bucket/k}",
            "Provided S3 bucket is not valid: https://example.com/bucket/k. Error: it is not a valid S3 URL",
        ),
        ("${aws:iot:s3-presigned-url-upload:https://s3.amazonaws.com/b-${thingName}/k}", SAID.BUCKET_WITH_PLACEHOLDER),
        ("${aws:iot:s3-presigned-url-upload:https://${jobId}.s3.amazonaws.com/k}", SAID.BUCKET_WITH_PLACEHOLDER),
        (f"${{aws:iot:s3-presigned-url-upload:{OBJECT}/${{user}}}}", SAID.UPLOAD_UNDEFINED),
        (
            f"${{aws:iot:s3-presigned-url-upload:{OBJECT}/${{aws:iot:package::version::attributes:x}}}}",
            SAID.UPLOAD_UNDEFINED,
        ),
        (
            f"${{aws:iot:s3-presigned-url-upload:{OBJECT}${{aws:iot:s3-presigned-url:{OBJECT}}}}}",
            "${aws:iot:s3-presigned-url[...]} should not be the second layer pattern.",
        ),
        (
            f"${{aws:iot:s3-presigned-url-upload:{OBJECT}{'${thingName}' * 3}}}",
            "The occurrence of local placeholder ${thingName} within S3 presigned url upload placeholder "
            "exceeds limit of 2.",
        ),
    ],
)
def test_mistakes(value: str, problem: str) -> None:
    assert read(value).problems == [problem]


def test_every_mistake_of_a_document_is_told_once() -> None:
    value = "${thingName} ${jobId} ${aws:iot:s3-presigned-url:x}"
    assert read(value).problems == [SAID.LOCAL_OUTSIDE_UPLOAD, SAID.DOWNLOAD_INVALID]


@pytest.mark.parametrize(
    "value", ["${HOME}", "$(x) ${", "${aws:iot:parameter:x}", "${aws:iot:package:p:version:1:attributes}"]
)
def test_what_is_not_for_a_device_stays(value: str) -> None:
    assert read(value) == ([], [])


def test_at_most_ten() -> None:
    one = f"${{aws:iot:s3-presigned-url:{OBJECT}}}"
    assert read(one * 10).problems == []
    assert read(one * 11).problems == [SAID.too_many(11, 10)]


def test_artifacts() -> None:
    text = "${aws:iot:package:p:version:1:artifact:s3-presigned-url}"
    found = presign.read(f'"{text}"', artifacts={text: Location("bucket", "fw", "v")})
    assert found.pieces == ['"', Download("bucket", "fw", "v"), '"']


def test_a_document_is_joined_around_its_urls() -> None:
    text = f'{{ "u": "é\\/${{aws:iot:s3-presigned-url:{OBJECT}}}\\n", "n": 1.50 }}'
    found = presign.read(text)
    assert presign.joined(found.pieces, lambda slot: 'https://x/"y"') == (
        '{ "u": "é/https://x/\\"y\\"\\n", "n": 1.50 }'
    )


def test_keys_of_uploads() -> None:
    assert presign.key_of(Upload("b", "k/${thingName}/${jobId}.${executionNumber}"), ME) == "k/thing:1/job.3"
    assert presign.key_of(Upload("b", "plain"), ME) == "plain"


@given(st.text(), st.text(), st.integers(1))
def test_a_name_stays_in_its_segment_of_the_key(thing: str, job: str, number: int) -> None:
    upload = Upload("b", "a/${thingName}/${jobId}/${executionNumber}")
    try:
        key = presign.key_of(upload, Execution(thing, job, number))
    except UnicodeEncodeError:  # no name of a thing
        return
    head, name, _, _ = key.split("/")
    assert (head, "." in name, "$" in name) == ("a", False, False)


INSTANTS = st.integers(0, 4_000_000_000_000)
EXPIRES = st.integers(60, 3600)


@given(INSTANTS, st.integers(0, 10**11), EXPIRES)
def test_a_url_has_half_its_life_before_it(queued_at: int, later: int, expires_s: int) -> None:
    now = queued_at + later
    signed = presign.signed_at(queued_at, now, expires_s)
    assert signed <= now
    assert signed + expires_s * 1000 - now >= expires_s * 500
    assert signed % 1000 == 0


@given(INSTANTS, st.integers(0, 10**11), EXPIRES)
def test_the_time_of_signing_changes_once_in_a_step(queued_at: int, later: int, expires_s: int) -> None:
    signed = presign.signed_at(queued_at, queued_at + later, expires_s)
    step = expires_s // 2 * 1000
    assert presign.signed_at(queued_at, signed + step - 1, expires_s) == signed
    assert presign.signed_at(queued_at, signed + step, expires_s) == signed + step


def test_an_execution_that_another_clock_queued_later_still_gets_a_url() -> None:
    assert presign.signed_at(100_000, 99_000, 60) <= 99_000


@given(documents())
def test_any_document_is_read_and_what_comes_of_it_is_json(text: str) -> None:
    found = presign.read(text, region="eu-west-1")
    assert all(isinstance(problem, str) for problem in found.problems)
    if not found.problems and found.pieces:
        filled = presign.joined(presign.decode(presign.encode(found.pieces)), lambda slot: f"<{slot.key}>")
        assert "${aws:iot:s3" not in json.dumps(_strings(json.loads(filled)))
    if "${" not in json.dumps(json.loads(text)):
        assert found == ([], [])


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for each in inner for text in _strings(each)]
