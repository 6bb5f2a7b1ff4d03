"""Options that several commands share, and how their values are read."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

import msgspec
from cyclopts import Parameter

from tidegate.clock import wall_now
from tidegate.core import injected, throttle
from tidegate.core.leniency import Leniency
from tidegate.core.throttle import Rates
from tidegate.mqtt.settings import Settings, overridden
from tidegate.net import hooks as net_hooks
from tidegate.net.hooks import Hook
from tidegate.ops import audit, iam, quotas
from tidegate.ops.quotas import Limits, SettingsError
from tidegate.pki.certificates import InvalidCertificateError
from tidegate.pki.chains import Chain
from tidegate.runtime import injector
from tidegate.runtime.auditor import local_user
from tidegate.server import LISTENERS, Address, open_store
from tidegate.store.database import Database, Tx, Work, transact
from tidegate.wire.routes import OPERATIONS

T = TypeVar("T")
Look = Callable[[Tx, str], Mapping[str, str]]

_ACCOUNT = re.compile(r"[0-9]{12}")
_PLACE = re.compile(r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?", re.ASCII)
_SEED = re.compile(r"[0-9]{1,18}", re.ASCII)
_STORE = re.compile(r"sqlite|postgres(ql)?://.+")

ACCOUNT = "000000000000"
DATA = Path("tidegate-data")
"""The data directory unless one is named."""


def address(text: str) -> Address:
    """``HOST:PORT`` or ``[HOST]:PORT``.

    Raises:
        ValueError: it is neither.
    """
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not (port.isascii() and port.isdigit()) or int(port) > 65_535:
        raise ValueError(f"{text!r} is not HOST:PORT")
    return Address(host, int(port))


def _check_address(_type: Any, text: str | None) -> None:
    if text is not None:
        address(text)


def _check_account(_type: Any, text: str | None) -> None:
    if text is not None and not _ACCOUNT.fullmatch(text):
        raise ValueError("an account has 12 digits")


def _check_store(_type: Any, text: str) -> None:
    if not _STORE.fullmatch(text):
        raise ValueError("the store is sqlite or a postgresql:// URL")


def account_of(data: Path) -> str:
    """The account of the server that runs, or ran last, on a data directory; the default one if none did."""
    return _told(data, "account", ACCOUNT)


def region_of(data: Path) -> str:
    """The region of the same server."""
    return _told(data, "region", "us-east-1")


def _told(data: Path, member: str, default: str) -> str:
    try:
        return str(msgspec.json.decode((data / "addresses.json").read_bytes())[member])
    except (OSError, msgspec.DecodeError, KeyError, TypeError):
        return default


Data = Annotated[Path, Parameter(help="Directory of the store, the certificate authority and the lock.")]
Account = Annotated[str, Parameter(help="The account of callers that name none.", validator=_check_account)]
OwnAccount = Annotated[
    str | None,
    Parameter(help="The account; that of the server on the data directory if not given.", validator=_check_account),
]
Store = Annotated[
    str, Parameter(help="sqlite (a file in the data directory) or postgresql://…", validator=_check_store)
]


def _check_objects(_type: Any, places: tuple[str, ...]) -> None:
    remote = [place for place in places if place.startswith("s3://")]
    if remote and len(remote) < len(places):
        raise ValueError("objects are in s3:// buckets or in a directory, not in both")
    if not remote and len(places) > 1:
        raise ValueError("objects are in one directory")
    wrong = [place for place in remote if not _PLACE.fullmatch(place)]
    if wrong:
        raise ValueError(f"{', '.join(wrong)}: not s3://bucket or s3://bucket/prefix")


OBJECTS = Parameter(
    help="Where objects are kept: a directory (by default `objects` in the data directory), or s3://bucket[/prefix] "
    "once or more.",
    validator=_check_objects,
)


def check_networks(_type: Any, texts: tuple[str, ...]) -> None:
    """Each is an IP address or network."""
    for text in texts:
        ip_network(text, strict=False)


def _check_base_url(_type: Any, text: str) -> None:
    parts = urlsplit(text)
    whole = parts.scheme in ("http", "https") and parts.hostname and not parts.query and parts.path in ("", "/")
    if text and (not whole or parts.username or parts.fragment):
        raise ValueError(f"{text!r} is not http(s)://HOST[:PORT]")


def base_url(text: str) -> Parameter:
    """An http(s)://HOST[:PORT] option; ``text`` says of what."""
    return Parameter(help=text, validator=_check_base_url)


@contextmanager
def database(data: Path, store: str) -> Iterator[Database]:
    """The store, opened for a command.

    Raises:
        StoreError: it cannot be opened.
    """
    data.mkdir(parents=True, exist_ok=True)
    opened = open_store(data, store, wall_now())
    try:
        yield opened
    finally:
        opened.close()


def change(
    opened: Database,
    operation: str,
    resource: str,
    parameters: dict[str, Any],
    work: Work[T],
    look: Look = iam.image,
) -> T:
    """Run the one work of a command that changes who may do what, with its entry in the audit log.

    ``resource`` is the principal that is changed, and ``look`` reads what the entry shows of it before and after.

    Raises:
        StoreError: the store cannot take it.
    """
    user = local_user()
    return transact(
        opened,
        audit.by_command(work, operation, parameters, user=user, resource=resource, look=lambda tx: look(tx, resource)),
    )


def file_change(
    opened: Database, operation: str, file: Path, parameters: dict[str, Any], before: Mapping[str, str]
) -> None:
    """Note in the audit log that a command is about to change keys in files, which no transaction covers.

    ``before`` shows what the entry tells of them: fingerprints, never keys.

    Raises:
        StoreError: the store cannot take it; nothing must be changed then.
    """
    asked = audit.asked_by_command(operation, parameters, user=local_user(), resource=str(file), before=before)
    transact(opened, asked)


MasterKey = Annotated[
    Path | None,
    Parameter(help="File of the key that seals access keys' secrets; without it DATA/master.key, made when needed."),
]


def certificates(files: Iterable[str], keys: Iterable[str]) -> dict[str, tuple[Chain, ...]]:
    """Certificates with their keys by listener, "" for all: the nth certificate goes with the nth key.

    Raises:
        InvalidCertificateError: they do not go together.
    """
    certificates, held = _by_listener(files), _by_listener(keys)
    for name in certificates | held:
        if len(certificates.get(name, ())) != len(held.get(name, ())):
            raise InvalidCertificateError(
                f"each --tls-certificate {name and name + '='}FILE needs its --tls-key, in the same order"
            )
    return {name: tuple(map(Chain, paths, held[name])) for name, paths in certificates.items()}


def _by_listener(texts: Iterable[str]) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not equals or name not in LISTENERS:
            name, path = "", text
        found.setdefault(name, []).append(Path(path))
    return found


_OF_A_LISTENER = f"A listener's name and = before it ({', '.join(LISTENERS)}) make it that one's alone."
TlsCertificate = Annotated[
    tuple[str, ...],
    Parameter(
        help="PEM file of a certificate of yours, with its intermediates, that TLS listeners serve in place of the "
        f"server's; once more for one with another kind of key. {_OF_A_LISTENER}"
    ),
]
TlsKey = Annotated[
    tuple[str, ...], Parameter(help=f"PEM file of its key; in the same order as the certificates. {_OF_A_LISTENER}")
]


def limits(text: str) -> Limits:
    """The quotas ``--quotas`` asks for.

    Raises:
        SettingsError: the file cannot be read, or what is wrong with it.
    """
    if text in ("aws", "off"):
        return Limits() if text == "aws" else quotas.off()
    return quotas.parse(_file(text), json=text.endswith(".json"))


def rates(text: str) -> Rates | None:
    """The request rates ``--throttles`` asks for; None for none.

    Raises:
        SettingsError: the file cannot be read, or what is wrong with it.
    """
    if text in ("aws", "off"):
        return throttle.aws(OPERATIONS) if text == "aws" else None
    found, problems = throttle.given(quotas.read(_file(text), json=text.endswith(".json")), OPERATIONS)
    if problems:
        raise SettingsError(problems)
    return found


def _file(name: str) -> str:
    try:
        return Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        raise SettingsError([f"{name} cannot be read: {error}"]) from None


def _check_limits(_type: Any, text: str) -> None:
    limits(text)


def _check_rates(_type: Any, text: str) -> None:
    rates(text)


Quotas = Annotated[
    str,
    Parameter(help="Counts and sizes: aws, off, or a TOML or JSON FILE of them.", validator=_check_limits),
]
Throttles = Annotated[
    str,
    Parameter(help="Request rates: off, aws, or a TOML or JSON FILE of them.", validator=_check_rates),
]


def faults(text: str) -> injected.Faults | None:
    """What ``--faults`` lets go wrong; None for nothing.

    Raises:
        ValueError: what is wrong with the file.
    """
    if not text:
        return None
    if _SEED.fullmatch(text):
        return injected.mixed(int(text))
    return injected.read(_file(text).encode(), injector.KNOWN, toml=not text.endswith(".json"))


def _check_faults(_type: Any, text: str) -> None:
    faults(text)


Faults = Annotated[
    str,
    Parameter(
        help="What goes wrong on purpose: a TOML or JSON FILE, or a seed for some of everything (docs/faults.md).",
        validator=_check_faults,
    ),
]


def hooks(texts: Iterable[str]) -> dict[str, Hook]:
    """Where functions are reached, by their ARNs.

    Raises:
        ValueError: what is wrong with one of them.
    """
    try:
        return dict(map(net_hooks.parse, texts))
    except OSError as error:
        raise ValueError(f"a file of a hook cannot be used: {error}") from None


def _check_hooks(_type: Any, texts: tuple[str, ...]) -> None:
    hooks(texts)


HookTexts = Annotated[
    tuple[str, ...],
    Parameter(
        name="--hook",
        help="ARN=URL: the HTTP service that answers for the Lambda function of this ARN. Behind # there may be "
        "secret=FILE, which signs requests, and ca=FILE, which vouches for it. Once or more.",
        validator=_check_hooks,
        negative=(),
    ),
]
HookHosts = Annotated[
    tuple[str, ...],
    Parameter(name="--hook-host", help="A host that hooks may be at beyond this machine. Once or more.", negative=()),
]


def listen(text: str) -> Parameter:
    """A HOST:PORT option; ``text`` says what listens there."""
    return Parameter(help=f"HOST:PORT for {text}; port 0 takes a free one.", validator=_check_address)


def _check_console(_type: Any, text: str | None) -> None:
    if text is not None and text != "off":
        address(text)


CONSOLE = Parameter(
    help="HOST:PORT for the console (browsers), or off. By default 127.0.0.1:8090, or a free port, while "
    "authentication is off, and else off.",
    validator=_check_console,
)


def _check_leniencies(_type: Any, names: tuple[str, ...]) -> None:
    unknown = [name for name in names if name not in Leniency._fields]
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: there is {', '.join(Leniency._fields)}")


Leniencies = Annotated[
    tuple[str, ...],
    Parameter(
        help="With --strict-aws: a leniency that stays, by its name in docs/strict-aws.md.", validator=_check_leniencies
    ),
]


def mqtt_settings(text: str) -> Mapping[str, Any]:
    """The settings of ``--mqtt-settings``, without a file none.

    Raises:
        SettingsError: the file cannot be read, or what is wrong with it.
    """
    if not text:
        return {}
    given = quotas.read(_file(text), json=text.endswith(".json"))
    try:
        overridden(Settings(), given)
    except ValueError as error:
        raise SettingsError([str(error)]) from None
    return given


def _check_mqtt_settings(_type: Any, text: str) -> None:
    mqtt_settings(text)


MqttSettings = Annotated[
    str,
    Parameter(help="A TOML or JSON FILE of limits and rates of MQTT clients.", validator=_check_mqtt_settings),
]
