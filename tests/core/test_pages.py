"""Page tokens: what is no token of a listing is none (control reference 1.7)."""

from __future__ import annotations

import base64

import pytest

from tidegate.core import pages

LISTING = ("ListThings", 1, None)
TOKEN = pages.token(LISTING, ["t", 7])


def test_a_token_leads_to_its_position() -> None:
    assert pages.position(LISTING, TOKEN, [str, int]) == ["t", 7]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        TOKEN + "x",
        TOKEN + "=",
        TOKEN.rstrip("="),
        " " + TOKEN,
        TOKEN[:4] + "\n" + TOKEN[4:],
        TOKEN[:4] + "!" + TOKEN[4:],
        TOKEN[:-4],
        "\u00fc" + TOKEN,
        pages.token(("ListThings", 2, None), ["t", 7]),
        pages.token(LISTING, ["t"]),
        pages.token(LISTING, [7, "t"]),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
        base64.urlsafe_b64encode(b"{}").decode(),
    ],
)
def test_what_is_no_token_of_the_listing(text: str) -> None:
    # A token of a multiple of three bytes has no padding to take away.
    assert text == TOKEN or pages.position(LISTING, text, [str, int]) is None
