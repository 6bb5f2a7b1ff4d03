"""What the audit log shows of a request, and what breaks its chain."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.core import audit
from tidegate.core.audit import Exported, Head, Sealed
from tidegate.wire import iot

SECRET = "wJalrXUtnFEMIsK7MDENGsbPxRfiCYEXAMPLEK3Y"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("a template for the benchmark", "a template for the benchmark"),
        (f"the key is {SECRET}.", "the key is (removed)."),
        ("https://s3.example.com/b/k?X-Amz-Signature=abc", "https://s3.example.com/b/k?(removed)"),
        ("postgresql://user:password@host/db", "postgresql://(removed)@host/db"),
        ("Authorization: Bearer abc.def", "Authorization: (removed)"),
        ("eyJhbGciOi.eyJzdWIiOi.c2ln", "(removed)"),
        ("-----BEGIN EC PRIVATE KEY-----\nMHc\n-----END", "(removed)"),
        ("arn:aws:iot:eu-west-1:123456789012:job/a-Job-With-A-Long-Name-01", None),
        ("da39a3ee5e6b4b0d3255bfef95601890afd80709", None),
    ],
)
def test_what_looks_like_a_secret_is_not_shown(text: str, kept: str | None) -> None:
    assert audit.without_secrets(text) == (text if kept is None else kept)


def test_documents_and_long_texts_are_shown_by_digest_and_size() -> None:
    request = iot.CreateJobRequest(
        job_id="j", targets=[f"t{number}" for number in range(30)], document='{"password":"x"}', description="d" * 257
    )
    shown = audit.shown(request)
    assert shown["document"] == {"sha256": hashlib.sha256(b'{"password":"x"}').hexdigest(), "size": 16}
    assert shown["description"]["size"] == 257
    assert shown["targets"] == [*[f"t{number}" for number in range(audit.MOST)], "and 10 more"]
    assert shown["jobId"] == "j"


def test_names_that_callers_choose_are_shown_as_texts_are() -> None:
    """But for what looks like a document, which names nothing else in its place."""
    chosen = {"{odd": "1", SECRET: "2", "n" * 257: "3", "plain": "4", **{f"k{number}": "" for number in range(20)}}
    shown = audit.shown(iot.RegisterThingRequest(template_body="{}", parameters=chosen))["parameters"]
    assert list(shown)[:4] == ["{odd", "(removed)", f"{'n' * 256}…", "plain"]
    assert (len(shown), shown["…"]) == (audit.MOST + 1, "and 4 more")


def test_the_whole_is_bounded() -> None:
    deep = {f"k{one}": {f"k{two}": "v" * 200 for two in range(20)} for one in range(20)}
    found = audit.parameters(deep)
    assert isinstance(found, msgspec.Raw)
    assert set(json.loads(bytes(found))) == {"sha256", "size"}
    assert audit.parameters(iot.ListJobsRequest()) is msgspec.UNSET


def test_a_difference_tells_what_went_and_what_came() -> None:
    assert audit.difference({"a": "1", "b": "2"}, {"b": "2", "a": "3", "c": "4"}) == (
        {"a": "1"},
        {"a": "3", "c": "4"},
    )
    assert audit.difference({"a": "1"}, {"a": "1"}) == (None, None)


# --- the chain ------------------------------------------------------------------------------------------------------


def sealed(*rows: list[str], after: Head = Head()) -> list[Sealed]:  # noqa: B008 - a tuple
    found = []
    for lines in rows:
        *_, end = audit.follow(after, lines)
        found.append(Sealed(after.seq + 1, len(lines), "\n".join(lines), end.hash, f"proof of {end.hash}"))
        after = end
    return found


def proves(mac: str, text: str) -> bool | None:
    return mac == f"proof of {text}" if mac.startswith("proof") else None


def fault(rows: list[Sealed], **given: Any) -> str | None:
    return audit.verify(rows, proves=proves, **given).fault


ROWS = sealed(["a", "b"], ["c"], ["d", "e", "f"], ["g"])
END = ROWS[-1].end


def test_a_chain_as_it_was_written_is_whole() -> None:
    assert audit.verify(ROWS, proves=proves, expected=END) == (7, END, None)
    assert audit.verify([]) == (0, Head(), None)
    assert fault([row._replace(mac="") for row in ROWS[:-1]] + ROWS[-1:]) is None


def test_the_first_thing_that_is_wrong_is_told() -> None:
    changed = [ROWS[0], ROWS[1]._replace(entries="x"), *ROWS[2:]]
    assert fault(changed) == "entry 3 was changed, or is not what followed entry 2"
    assert fault([*ROWS[:2], ROWS[2]._replace(entries="d\nE\nf"), ROWS[3]]) == (
        "one of the entries 4 to 6 was changed, or is not what followed entry 3"
    )
    assert fault([ROWS[0], *ROWS[2:]]) == "entry 3 is gone: 4 comes in its place"
    assert fault(ROWS[1:]) == "entry 1 is gone: 3 comes in its place"
    assert fault(ROWS[:-1], expected=END) == "entry 7, whose hash was noted, is gone: the log ends at 6"
    assert fault(ROWS, expected=Head(7, "0" * 64)) == "entry 7 is not the one whose hash was noted"
    assert fault(ROWS, expected=Head(2, "0" * 64)) == "entry 2 is not the one whose hash was noted"


def test_a_chain_made_anew_without_the_key_is_found_out() -> None:
    forged = sealed(["a", "B"], ["c"], ["d", "e", "f"], ["g"])
    assert audit.verify(forged).fault is None
    assert fault([row._replace(mac=old.mac) for row, old in zip(forged, ROWS, strict=True)]) == (
        "entry 2 was sealed without the master key"
    )
    assert fault([row._replace(mac="other") for row in forged]) == (
        "entry 7, where it ends, is not proved by this master key"
    )
    assert fault([*ROWS[:-1], ROWS[-1]._replace(mac="")]) == (
        "entry 7, where it ends, is not proved by this master key"
    )


@given(st.data())
def test_no_change_passes(data: st.DataObject) -> None:
    """One entry changed, taken out or moved, in a chain whose other rows are as they were."""
    at = data.draw(st.integers(0, len(ROWS) - 1))
    row = ROWS[at]
    kind = data.draw(st.sampled_from(["change", "remove", "move", "number", "hash"]))
    rows = list(ROWS)
    if kind == "change":
        lines = row.lines
        index = data.draw(st.integers(0, len(lines) - 1))
        other = data.draw(st.text(alphabet=st.characters(exclude_characters="\n", exclude_categories=["Cs"])))
        if other == lines[index]:
            return
        lines[index] = other
        rows[at] = row._replace(entries="\n".join(lines))
    elif kind == "remove":
        del rows[at]
    elif kind == "move":
        to = data.draw(st.integers(0, len(ROWS) - 1))
        if to == at:
            return
        rows.insert(to, rows.pop(at))
    elif kind == "number":
        rows[at] = row._replace(seq=data.draw(st.integers(0, 20).filter(lambda seq: seq != row.seq)))
    else:
        rows[at] = row._replace(hash=data.draw(st.text("0123456789abcdef", min_size=64, max_size=64)))
    assert audit.verify(rows, expected=END).fault is not None


def test_pruned_entries_are_missed_unless_an_entry_tells() -> None:
    anchor = ROWS[1]._replace(entries="")
    tells = msgspec.json.encode({"operation": audit.PRUNED, "after": {"pruned through": str(ROWS[1].end)}}).decode()
    kept = [anchor, *ROWS[2:]]
    assert fault(kept) == "the entries up to 3 are gone, and no entry says that they were pruned"
    assert fault(kept, waiting=[tells]) is None
    assert fault([*kept, *sealed([tells], after=END)]) is None
    lies = tells.replace('"pruned through":"3:', '"pruned through":"2:')
    assert fault(kept, waiting=[lies]) is not None
    assert fault([ROWS[0], anchor, *ROWS[2:]], waiting=[tells]) is not None


def test_exported_lines_are_verified_from_any_entry_on() -> None:
    lines: list[Exported] = []
    before = Head()
    for row in sealed(['{"a":1}', '{"b":2}'], ['{"c":3}']):
        lines += audit.export(row, before)
        before = row.end
    assert [line.mac != "" for line in lines] == [False, True, True]
    written = [msgspec.json.decode(msgspec.json.encode(line), type=Exported) for line in lines]
    for first in range(3):
        verdict = audit.verify_exported(written[first:], proves=proves, expected=before)
        assert verdict == (3 - first, before, None)
    assert audit.verify_exported(written[:1] + written[2:], proves=proves, expected=None).fault is not None
    written[1].entry = msgspec.Raw(b'{"b":3}')
    assert audit.verify_exported(written, proves=proves, expected=None).fault == (
        "entry 2 was changed, or is not what followed entry 1"
    )
