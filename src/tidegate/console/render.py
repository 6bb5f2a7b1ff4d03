"""Pages as HTML. What callers wrote is escaped by the template engine, always; nothing here marks a text as safe."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import jinja2
import msgspec

from tidegate.console.visit import path

_HERE: Final = Path(__file__).parent
_KINDS: Final = {"css": b"text/css; charset=utf-8", "js": b"text/javascript; charset=utf-8", "svg": b"image/svg+xml"}
_SPANS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@cache
def environment() -> jinja2.Environment:
    """The templates. Made when the first page is asked for."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {"at": at, "iso": iso, "span": span, "count": count, "json": as_json, "name": name_of}
    made.globals |= {"path": path, "static": static_path}
    return made


def html(template: str, values: Mapping[str, Any]) -> str:
    """A template, filled in."""
    return environment().get_template(template).render(values)


def part(template: str, block: str, values: Mapping[str, Any]) -> str:
    """One block of a template, as the page has it: what is sent when it changes."""
    found = environment().get_template(template)
    return "".join(found.blocks[block](found.new_context(dict(values))))


@cache
def static(name: str) -> tuple[bytes, bytes]:
    """A file that pages load: its type and its bytes. Raises KeyError: there is none of that name."""
    if name not in ("console.css", "console.js", "icon.svg"):
        raise KeyError(name)
    return _KINDS[name.rpartition(".")[2]], (_HERE / "static" / name).read_bytes()


@cache
def static_path(name: str) -> str:
    """Its address, another whenever it has changed, so that browsers may keep it."""
    return path("static", name, v=hashlib.sha256(static(name)[1]).hexdigest()[:12])


def iso(instant: float) -> str:
    """An instant (epoch ms) as ISO 8601, to the second."""
    return datetime.fromtimestamp(instant / 1000, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def at(instant: float) -> str:
    """An instant (epoch ms) for people."""
    return iso(instant).replace("T", " ").replace("Z", " UTC")


def span(milliseconds: float) -> str:
    """A span for people, in its two largest units: ``3 h 20 min``."""
    left, found = round(milliseconds / 1000), []
    for seconds, unit in _SPANS:
        amount, left = divmod(left, seconds)
        if amount:
            found.append(f"{amount} {unit}")
    return " ".join(found[:2]) or "0 s"


def count(number: float) -> str:
    """A number for people."""
    return f"{number:,.0f}"


def as_json(value: Any) -> str:
    """A value of the API, or a text that is JSON, laid out for reading; another text as it is."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return str(value)
    else:
        value = _without_unset(msgspec.to_builtins(value))
    return json.dumps(value, indent=2, ensure_ascii=False)


def _without_unset(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_unset(each) for name, each in value.items() if each is not None}
    return [_without_unset(each) for each in value] if isinstance(value, list) else value


def name_of(arn: str) -> str:
    """What stands behind the last slash of an ARN."""
    return arn.rpartition("/")[2]
