"""Faults on purpose: which of them happens to which request, by seed.

A decision is a hash of the seed, the rule, the thing, the operation and the number of this request among those of the
same thing for the same operation. Neither the order in which things ask nor the machine matters: the same seed gives
the same faults. The first rule that takes a request decides about it. Pure: the caller counts, and knows how much time
has passed. Not here: carrying faults out (``runtime.injector``).
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Collection, Mapping
from fnmatch import fnmatchcase
from typing import Any, Final, NamedTuple, Protocol

import msgspec

from tidegate.core.forecast.model import span

NOTIFY, NOTIFY_NEXT, CONNECTION, GET_OBJECT = "notify", "notify-next", "connection", "GetObject"
OTHERS: Final = (NOTIFY, NOTIFY_NEXT, CONNECTION, GET_OBJECT)
"""What faults happen to besides operations."""
REFUSALS: Final = ("throttle", "error", "unavailable", "conflict", "skew")
"""Nothing is carried out, and the caller is told what AWS would tell."""
_FAULTS: Final[Mapping[str, str]] = {
    **dict.fromkeys(REFUSALS, "operations"),
    "delay": "operations, notify, notify-next",
    "lose": "operations, notify, notify-next",
    "double": "operations by MQTT, notify, notify-next",
    "disconnect": "operations, connection",
    "expire": "GetObject",
}
FAULTS: Final = tuple(_FAULTS)
_MOST_RULES: Final = 100
_LONGEST_DELAY_MS: Final = 86_400_000


class Rule(NamedTuple):
    """What happens to whom.

    Args:
        fault: one of ``FAULTS``.
        operations, things: patterns (``Update*``, ``iot:*``, ``lamp-?``), any of which fits.
        share: of the requests, 0 to 1.
        skip, most: of the requests of a thing for an operation, the first ones that are left alone, and how many come
            after them; None: all.
        since_ms, until_ms: on the server's clock, from when the faults were chosen.
        by_ms: how late; for connections, how often.
        part: how much of an object arrives before its URL expires, 0 to 1.
    """

    fault: str
    operations: tuple[str, ...] = ("*",)
    things: tuple[str, ...] = ("*",)
    share: float = 1.0
    skip: int = 0
    most: int | None = None
    since_ms: float = 0.0
    until_ms: float | None = None
    by_ms: float = 1000.0
    part: float = 0.5


class Faults(NamedTuple):
    """Rules, the first first, and the seed that decides for them."""

    seed: int
    rules: tuple[Rule, ...]

    @property
    def concern_objects(self) -> bool:
        """Whether a rule names downloads of objects."""
        return any(GET_OBJECT in rule.operations for rule in self.rules)


class Injects(Protocol):
    """Whoever counts requests and says what happens to them, as seen by an endpoint of objects."""

    expired: set[str]
    """Signatures of URLs that have expired on purpose."""

    def fault(self, operation: str, thing: str) -> Rule | None:
        """What happens to a request; counts it."""
        ...


class MalformedError(ValueError):
    """Not faults; ``problems`` has a sentence for each thing that is wrong."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(" ".join(problems))
        self.problems = problems


def decide(faults: Faults, operation: str, thing: str, number: int, passed_ms: float) -> int | None:
    """The place of the rule that a request falls to; None if it is left alone.

    Args:
        faults: what was chosen.
        operation: its plane and name (``iot:DescribeJob``), or one of ``OTHERS``.
        thing: whose request it is; "" if no thing's.
        number: which of the thing's requests for that operation, from 1.
        passed_ms: since the faults were chosen.
    """
    for place, rule in enumerate(faults.rules):
        if _meant(rule, operation, thing, number, passed_ms) and (
            rule.share >= 1 or _drawn(faults.seed, place, thing, operation, number) < rule.share
        ):
            return place
    return None


def _meant(rule: Rule, operation: str, thing: str, number: int, passed_ms: float) -> bool:
    if not _takes(rule, operation) or not any(fnmatchcase(thing, each) for each in rule.things):
        return False
    if number <= rule.skip or (rule.most is not None and number > rule.skip + rule.most):
        return False
    return passed_ms >= rule.since_ms and (rule.until_ms is None or passed_ms < rule.until_ms)


def _takes(rule: Rule, operation: str) -> bool:
    """Whether an operation is one of a rule's; a pattern reaches only what its fault can happen to."""
    if not any(_fits(operation, each) for each in rule.operations):
        return False
    if operation == CONNECTION and CONNECTION not in rule.operations:
        return False
    reach = _FAULTS[rule.fault].split(", ")
    return operation in reach if operation in OTHERS else reach[0].startswith("operations")


def _fits(operation: str, pattern: str) -> bool:
    """``iot:DescribeJob`` is meant by its name, too."""
    return fnmatchcase(operation if ":" in pattern else operation.rpartition(":")[2], pattern)


def _drawn(seed: int, place: int, thing: str, operation: str, number: int) -> float:
    key = f"{seed}\0{place}\0{thing}\0{operation}\0{number}".encode()
    return int.from_bytes(hashlib.blake2b(key, digest_size=6).digest(), "big") / (1 << 48)


def mixed(seed: int) -> Faults:
    """Some of everything, for who names a seed only."""
    return Faults(
        seed,
        (
            Rule("throttle", share=0.02),
            Rule("unavailable", share=0.01),
            Rule("error", share=0.01),
            Rule("conflict", ("UpdateJobExecution",), share=0.03),
            Rule("disconnect", ("StartNextPendingJobExecution", "UpdateJobExecution"), share=0.01),
            Rule("delay", share=0.05, by_ms=2000),
            Rule("lose", ("notify", "notify-next", "*JobExecution"), share=0.03),
            Rule("double", ("notify", "notify-next"), share=0.05),
        ),
    )


def read(text: bytes, operations: Collection[str], *, toml: bool = False) -> Faults:
    """Faults as a file says them; ``operations`` are those there are, with their planes.

    Raises:
        MalformedError: with everything that is wrong.
    """
    try:
        given = tomllib.loads(text.decode()) if toml else msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueError) as error:
        raise MalformedError([f"That is not {'TOML' if toml else 'JSON'}: {error}."]) from None
    return parse(given, operations)


def parse(given: Any, operations: Collection[str]) -> Faults:
    """The same of a JSON value: ``{"seed": 42, "rules": [{"fault": "throttle", "share": 0.1}]}``.

    Raises:
        MalformedError: with everything that is wrong.
    """
    problems: list[str] = []
    if not isinstance(given, Mapping) or given.keys() - {"seed", "rules"}:
        raise MalformedError(["Faults are an object of seed, a whole number, and rules, a list."])
    seed, listed = given.get("seed", 1), given.get("rules")
    if not isinstance(seed, int) or isinstance(seed, bool):
        problems.append("seed takes a whole number.")
    if listed is None and not problems:
        return mixed(seed)
    if not isinstance(listed, list) or len(listed) > _MOST_RULES:
        raise MalformedError([*problems, f"rules takes a list of at most {_MOST_RULES} objects."])
    rules = [_rule(one, f"rules[{place}]", operations, problems) for place, one in enumerate(listed)]
    if problems:
        raise MalformedError(problems)
    return Faults(seed, tuple(rules))


def _rule(given: Any, path: str, operations: Collection[str], problems: list[str]) -> Rule:
    if not isinstance(given, Mapping):
        problems.append(f"{path} takes an object.")
        return Rule("")
    found: dict[str, Any] = {}
    for member, value in given.items():
        if member not in _READERS:
            problems.append(f"There is no {path}.{member}: give {', '.join(_READERS)}.")
            continue
        field, read_one = _READERS[member]
        try:
            found[field] = read_one(value)
        except ValueError as error:
            problems.append(f"{path}.{member} takes {error}.")
    if "fault" not in given:
        problems.append(f"{path} has no fault: one of {', '.join(FAULTS)}.")
    rule = Rule(**{"fault": "", **found})
    known = {*operations, *OTHERS}
    for name in rule.operations:
        if not any(_fits(each, name) for each in known):
            problems.append(f"{path}.operation: there is no {name}.")
        elif rule.fault and not any(_takes(rule, each) for each in known if _fits(each, name)):
            problems.append(f"{path}: {rule.fault} happens to {_FAULTS[rule.fault]}, not to {name}.")
    if rule.until_ms is not None and rule.until_ms <= rule.since_ms:
        problems.append(f"{path}.until is not after from.")
    return rule


def _fault(value: Any) -> str:
    if not isinstance(value, str) or value not in FAULTS:
        raise ValueError(f"one of {', '.join(FAULTS)}")
    return value


def _patterns(value: Any) -> tuple[str, ...]:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed or not all(isinstance(one, str) and one for one in listed):
        raise ValueError("a name or pattern, or a list of them")
    return tuple(listed)


def _share(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError("a number from 0 to 1")
    return float(value)


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError("a whole number from 0")
    return value


def _span(value: Any) -> float:
    found = span(value)
    if found is None:
        raise ValueError("a span such as 90s, 15m or 6h")
    return found


def _late(value: Any) -> float:
    found = _span(value)
    if not 0 < found <= _LONGEST_DELAY_MS:
        raise ValueError("a span of more than 0 and at most 1d")
    return found


_READERS: Final[dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "fault": ("fault", _fault),
    "operation": ("operations", _patterns),
    "thing": ("things", _patterns),
    "share": ("share", _share),
    "skip": ("skip", _whole),
    "count": ("most", _whole),
    "from": ("since_ms", _span),
    "until": ("until_ms", _span),
    "by": ("by_ms", _late),
    "part": ("part", _share),
}
