"""Every operation's functions take and give what its model says."""

from __future__ import annotations

import functools
import typing
from collections.abc import Callable
from typing import Any

import pytest

from tidegate.ops.handler import Computed, ComputedInParts, Handler, InParts, Prepared
from tidegate.ops.table import HANDLERS
from tidegate.wire import protocol


def _answering(handler: Handler) -> Callable[..., Any]:
    found: Callable[..., Any] = handler.compute if isinstance(handler, (Computed, ComputedInParts)) else handler.run  # type: ignore[attr-defined]
    return found.func if isinstance(found, functools.partial) else found


@pytest.mark.parametrize(("plane", "name"), HANDLERS)
def test_types_of_an_operation(plane: str, name: str) -> None:
    handler, operation = HANDLERS[plane, name], protocol.OPERATIONS[plane][name]
    run = _answering(handler)
    hints = typing.get_type_hints(run)
    answers = hints["return"]
    if isinstance(handler, InParts) and not isinstance(handler, ComputedInParts):
        answers, *_ = typing.get_args(answers)
    assert (hints.get("request") or hints["_request"]) is operation.request
    assert answers is (operation.response or type(None))


@pytest.mark.parametrize("handler", [each for each in HANDLERS.values() if isinstance(each, Prepared)])
def test_types_of_what_is_prepared(handler: Prepared[Any, Any, Any, Any]) -> None:
    """What ``look`` finds is what ``prepare`` takes, and what that makes is what ``run`` takes."""
    prepare, (*_, prepared) = typing.get_type_hints(handler.prepare), _parameters(handler.run)
    assert prepare["return"] in (prepared, *typing.get_args(prepared))
    *_, found = _parameters(handler.prepare)
    looked = typing.get_type_hints(handler.look)["return"] if handler.look else type(None)
    assert found in (looked, *typing.get_args(looked))


def _parameters(function: Callable[..., Any]) -> list[Any]:
    hints = typing.get_type_hints(function)
    del hints["return"]
    return list(hints.values())
