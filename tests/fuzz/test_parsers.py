"""The fuzzing targets of ``parsers`` over their seeds, and over what becomes of a seed: the same in every run."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tidegate.aws import sigv4
from tidegate.net.http1.intake import Intake
from tools.fuzz import parsers
from tools.fuzz.texts import TEXTS

CHANGES = 150


def changed(seed: bytes, chance: random.Random) -> Iterator[bytes]:
    """Bytes replaced, left out, said twice, cut off."""
    for _ in range(CHANGES):
        data = bytearray(seed)
        for _ in range(chance.randint(1, 4)):
            at, size = chance.randrange(len(data) + 1), chance.randint(1, 8)
            piece = bytes(data[at : at + size])
            another = bytes(chance.choice(b'\x00\n\r"%&*,:;?[\\]{}=$\xc3\xff09aZ') for _ in range(size))
            data[at : at + size] = chance.choice((b"", another, piece * 2, another + piece))
        yield bytes(data)
        yield bytes(data[: chance.randrange(len(data) + 1)])


@pytest.mark.parametrize("target", parsers.TARGETS)
def test_no_text_breaks_a_parser(target: str) -> None:
    assert TEXTS[target]
    for number, seed in enumerate(TEXTS[target]):
        parsers.TARGETS[target](seed)
        for data in changed(seed, random.Random(number)):
            try:
                parsers.TARGETS[target](data)
            except Exception as error:
                raise AssertionError(f"broken by {data!r}") from error


def test_every_target_has_seeds_and_every_seed_a_target() -> None:
    assert parsers.TARGETS.keys() == TEXTS.keys()


def test_the_targets_notice_a_signature_that_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sigv4, "fits", lambda *_: True)
    for target in ("sigv4", "s3-signature"):
        with pytest.raises(AssertionError, match="forged"):
            parsers.TARGETS[target](TEXTS[target][0])


def test_the_targets_notice_that_segments_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that loses the end of what is longer than the pieces of the comparison."""
    received = Intake.received
    monkeypatch.setattr(Intake, "received", lambda self, data: received(self, data if len(data) <= 64 else data[:-1]))
    with pytest.raises(AssertionError, match="segments"):
        parsers.http1(TEXTS["http1"][0])
