"""The audit log's rules: what an entry shows of a request, how entries are chained, and what breaks a chain.

The hash of an entry is the SHA-256 of the hash before it, a line feed, its number, a line feed, and its text as it is
stored (UTF-8). Before the first entry stands the empty hash. A number is given once, without gaps.
"""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

import msgspec

LONGEST: Final = 256
"""Characters of a text that is shown; of a longer one its digest and size."""
MOST: Final = 20
"""Members of a list or a map that are shown."""
LARGEST: Final = 8192
"""Bytes of all parameters together."""
PRUNED: Final = "tidegate:PruneAudit"
"""The operation whose entry says that those before some entry were removed on purpose."""

_REMOVED: Final = "(removed)"
_SECRETS: Final = re.compile(
    r"(?<=\?)\S+(?=\s|$)"  # what a URL may carry: signatures, tokens
    r"|(?<=://)[^/\s@]+(?=@)"  # a password before a host
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*"
    r"|\beyJ[\w-]+\.[\w-]+\.[\w-]*"  # a JSON web token
    r"|\bBearer\s+\S+"
    r"|(?<![\w/+=-])(?=[\w/+-]*[a-z])(?=[\w/+-]*[A-Z])(?=[\w/+-]*\d)(?:[\w/+-]{40}|[\w/+-]{100,})(?![\w/+=-])",
    re.DOTALL,
)
"""The last: secrets of access keys, which have forty characters of all kinds, and session tokens."""
_SHORTEST: Final = 40
_PLAIN: Final = frozenset({int, float, bool})
_OPENINGS: Final = frozenset("{[")


# --- what is shown --------------------------------------------------------------------------------------------------


def shown(value: Any) -> Any:
    """A request, or a part of one, as an entry shows it: bounded, without secrets; documents by digest and size."""
    # By msgspec's own walk, which is in C: ours over structs took half of an entry's time.
    return _shown(msgspec.to_builtins(value, builtin_types=(bytes,)))


def _shown(value: Any) -> Any:
    kind = type(value)
    if kind is str:
        return _text(value)
    if kind is dict:
        return _map(value)
    if kind is bytes:
        return _digest(value)
    if kind is list:
        few = [_shown(member) for member in value[:MOST]]
        return few if len(value) <= MOST else [*few, f"and {len(value) - MOST} more"]
    return value


def _map(value: dict[str, Any]) -> dict[str, Any]:
    """A map, or the members of a structure that are set, which are never so many."""
    few: dict[str, Any] = {}
    for name, member in value.items():
        if member is None:
            continue
        if len(few) == MOST:
            return {**few, "…": f"and {sum(each is not None for each in value.values()) - MOST} more"}
        told = name if name.isidentifier() and len(name) < _SHORTEST else _name(name)
        few[told] = member if type(member) in _PLAIN else _shown(member)
    return few


def _name(name: str) -> str:
    """The name of an entry of a map."""
    return without_secrets(name) if len(name) <= LONGEST else f"{without_secrets(name[:LONGEST])}…"


def _text(text: str) -> Any:
    if len(text) > LONGEST or text[:1] in _OPENINGS:
        return _digest(text.encode("utf-8", "surrogatepass"))
    return without_secrets(text)


def without_secrets(text: str) -> str:
    """A text without what looks like a secret."""
    if len(text) < _SHORTEST and "?" not in text and "@" not in text and "eyJ" not in text and "Bearer" not in text:
        return text  # holds no secret: seen ten times as fast
    return _SECRETS.sub(_REMOVED, text)


def _digest(data: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}


def parameters(value: Any) -> msgspec.Raw | msgspec.UnsetType:
    """A whole request as JSON; its digest and size if even so it is large, unset if it says nothing."""
    found = shown(value)
    if not found:
        return msgspec.UNSET
    text = msgspec.json.encode(found)
    return msgspec.Raw(text if len(text) <= LARGEST else msgspec.json.encode(_digest(text)))


Image = Mapping[str, str]
"""Some of the state, by names of our choice: a policy's text, the status of a key."""


def difference(before: Image, after: Image) -> tuple[dict[str, str] | None, dict[str, str] | None]:
    """What a change took away and what it brought; None for nothing."""
    gone = {name: text for name, text in before.items() if after.get(name) != text}
    come = {name: text for name, text in after.items() if before.get(name) != text}
    return gone or None, come or None


# --- the chain ------------------------------------------------------------------------------------------------------


class Sealed(NamedTuple):
    """Entries in their place, a line each: those of one commit.

    ``seq`` is the number of the first, ``hash`` that of the last. ``mac`` proves who sealed them and all before them
    (``Vault.prove``); of rows sealed together the last one has it.
    """

    seq: int
    count: int  # type: ignore[assignment]
    entries: str
    hash: str
    mac: str

    @property
    def lines(self) -> list[str]:
        """The entries; none if they were pruned."""
        return self.entries.split("\n") if self.entries else []

    @property
    def end(self) -> Head:
        """The number and the hash of the last entry."""
        return Head(self.seq + self.count - 1, self.hash)


class Head(NamedTuple):
    """An entry by its number and its hash: the end of a chain."""

    seq: int = 0
    hash: str = ""

    def __str__(self) -> str:
        return f"{self.seq}:{self.hash}"


_HEAD: Final = re.compile(r"([0-9]{1,18}):([0-9a-f]{64}|)", re.ASCII)


def head(text: str) -> Head | None:
    """``SEQ:HASH``, or None."""
    found = _HEAD.fullmatch(text)
    return Head(int(found[1]), found[2]) if found else None


def follow(last: Head, lines: Iterable[str]) -> Iterator[Head]:
    """The numbers and hashes of entries that come after one."""
    for line in lines:
        seq = last.seq + 1
        last = Head(seq, hashlib.sha256(f"{last.hash}\n{seq}\n{line}".encode()).hexdigest())
        yield last


class Exported(msgspec.Struct, omit_defaults=True):
    """An entry outside the store: a line of JSON. ``entry`` is its text, byte for byte."""

    seq: int
    previous: str
    """The hash before it."""
    hash: str
    entry: msgspec.Raw
    mac: str = ""


def export(row: Sealed, before: Head) -> Iterator[Exported]:
    """The entries of a row as they are exported; ``before`` is the one they follow."""
    for line in row.lines:
        [last] = follow(before, [line])
        mac = row.mac if last.seq == row.end.seq else ""
        yield Exported(last.seq, before.hash, last.hash, msgspec.Raw(line.encode()), mac)
        before = last


class Verdict(NamedTuple):
    """What was found. ``fault`` is the first thing that is wrong, None if nothing is."""

    entries: int
    head: Head
    fault: str | None


Proves = Callable[[str, str], bool | None]
"""Whether a mac proves a hash; None if another key than ours made it."""


def verify(
    rows: Iterable[Sealed],
    *,
    after: Head | None = None,
    waiting: Iterable[str] = (),
    proves: Proves | None = None,
    expected: Head | None = None,
) -> Verdict:
    """Follow a chain to its end or its first fault.

    Args:
        rows: in the order of their numbers.
        after: what the first row must follow; None: it is the first of all, or stands for those that were pruned.
        waiting: entries that are not sealed yet.
        proves: judges macs; None if the key is not at hand.
        expected: an entry that was noted before: the chain must hold it.
    """
    last, count, own = after or Head(), 0, True
    pruned: Head | None = None
    attested = {through for entry in waiting for through in _prunes(entry)}
    for row in rows:
        if after is None and last == Head() and not row.entries:
            last = pruned = row.end
        else:
            lines = row.lines
            heads = list(follow(last, lines))
            fault = _fault(row, last, heads, expected)
            if fault is not None:
                return Verdict(count, last, fault)
            last, count = heads[-1], count + len(heads)
            attested |= {through for line in lines for through in _prunes(line)}
        if proves is not None:
            proved = proves(row.mac, row.hash) if row.mac else None
            if proved is False:
                return Verdict(count, last, f"entry {last.seq} was sealed without the master key")
            own = proved is True
    return Verdict(count, last, _at_the_end(last, own, pruned, attested, expected))


def _fault(row: Sealed, last: Head, heads: list[Head], expected: Head | None) -> str | None:
    if row.seq != last.seq + 1:
        return f"entry {last.seq + 1} is gone: {row.seq} comes in its place"
    if not heads or row.end != heads[-1]:
        these = f"entry {row.seq}" if row.count == 1 else f"one of the entries {row.seq} to {row.end.seq}"
        return f"{these} was changed, or is not what followed entry {last.seq}"
    other = expected is not None and heads[0].seq <= expected.seq <= heads[-1].seq and expected not in heads
    return f"entry {expected.seq} is not the one whose hash was noted" if expected is not None and other else None


def _at_the_end(last: Head, own: bool, pruned: Head | None, attested: set[Head], expected: Head | None) -> str | None:
    if pruned is not None and pruned not in attested:
        return f"the entries up to {pruned.seq} are gone, and no entry says that they were pruned"
    if expected is not None and expected.seq > last.seq:
        return f"entry {expected.seq}, whose hash was noted, is gone: the log ends at {last.seq}"
    # A mac at the end speaks for everything before it; those of an earlier master key need not be tried.
    return None if own else f"entry {last.seq}, where it ends, is not proved by this master key"


def verify_exported(lines: Sequence[Exported], *, proves: Proves | None, expected: Head | None) -> Verdict:
    """Follow a chain that was exported, from its first line on."""
    after = Head(lines[0].seq - 1, lines[0].previous) if lines else Head()
    for before, line in itertools.pairwise(lines):
        if line.previous != before.hash:
            return Verdict(0, after, f"entry {line.seq} names another as the one before it")
    rows = (Sealed(line.seq, 1, bytes(line.entry).decode(), line.hash, line.mac) for line in lines)
    return verify(rows, after=after, proves=proves, expected=expected)


class _Prune(msgspec.Struct):
    operation: str = ""
    after: dict[str, str] = {}


def _prunes(entry: str) -> set[Head]:
    """What an entry says was pruned: nothing, unless it is of that kind."""
    if PRUNED not in entry:
        return set()
    try:
        told = msgspec.json.decode(entry, type=_Prune)
    except msgspec.DecodeError:
        return set()
    through = head(told.after.get("pruned through", "")) if told.operation == PRUNED else None
    return {through} if through is not None else set()
