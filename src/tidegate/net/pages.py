"""Whether a request comes from a web page that has no business here. Pure; every edge that speaks HTTP asks it.

Loopback does not keep browsers out: any page that somebody on this machine looks at may send requests to 127.0.0.1, and
one whose DNS name is changed to 127.0.0.1 after it was loaded ("DNS rebinding") may read the answers, too. What gives
them away:

* ``Host`` is the name the browser looked up. A rebound page has its own there. Only the owner of a name can rebind it,
  so names that the operator (or AWS) owns are safe, and so are addresses.
* ``Origin`` and ``Sec-Fetch-Site`` tell whose page sends. Scripts cannot change them, and clients that are no browsers
  (SDKs, the AWS CLI, curl) do not send them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Final, Literal, NamedTuple
from urllib.parse import urlsplit

Cause = Literal["Host", "Origin", "Sec-Fetch-Site"]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_HOST: Final = re.compile(r"(?:\[([0-9a-f:.]{2,45})\]|([a-z0-9._-]{1,253}?)\.?)(?::([0-9]{0,5}))?\Z", re.ASCII)
_REGION: Final = r"[a-z]{2}(?:-[a-z]+)+-[0-9]"
_AWS: Final = re.compile(
    rf"(?:[a-z0-9-]+\.){{0,3}}iot(?:-fips)?\.{_REGION}\.(?:amazonaws\.com(?:\.cn)?|api\.aws)\Z"
    rf"|(?:[a-z0-9.-]+\.)?s3(?:-[a-z0-9-]+)?(?:\.dualstack)?(?:\.{_REGION})?\.amazonaws\.com(?:\.cn)?\Z",
    re.ASCII,
)
"""AWS's endpoints, as clients name them that DNS points here. Whole names: ``iot.us-east-1.evil.test`` has an owner who
can rebind it."""
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}
_LONGEST_SHOWN: Final = 100


class Names(NamedTuple):
    """The names of a server: what its operator calls it, and where it listens (lower case, no ports)."""

    names: frozenset[str] = frozenset()
    """Those that may stand in ``Host``."""
    origins: frozenset[str] = frozenset()
    """Those whose pages may send requests, from any port: what the operator names, and nothing else."""


class Refusal(NamedTuple):
    """Why a request is refused: the header that gave it away, and a sentence that says what to do."""

    cause: Cause
    message: str


def own(names: Iterable[str], listening: Iterable[str]) -> Names:
    """The names of a server: those its operator gave it, and the hosts that it listens on."""
    given = frozenset(name.lower().strip("[]").removesuffix(".") for name in names if name)
    return Names(given | {host.lower() for host in listening if host}, given)


def malformed(target: str, hosts: Sequence[str], version: str) -> str | None:
    """What is wrong with how a request names its host (RFC 9112 3.2), as a sentence; None if nothing.

    Two names would let one part of the server decide by one and the next by the other.

    Args:
        target: of the request line; the absolute form names a host, too.
        hosts: the values of all ``Host`` headers.
        version: of HTTP; 1.0 asks for no ``Host``.
    """
    absolute = urlsplit(target) if not target.startswith("/") and "://" in target else None
    if len(hosts) > 1 or (not hosts and (absolute is not None or version != "1.0")):
        return "A request must have exactly one Host header."
    if absolute is not None and _place(absolute.netloc, absolute.scheme) != _place(hosts[0], absolute.scheme):
        return "The Host header must name the same host as the request line."
    return None


def refusal(own: Names, host: str | None, origin: str | None, fetch_site: str | None) -> Refusal | None:
    """Why a request that nobody signed is not for us; None if it is.

    ``host`` is None where HTTP/1.0 left it out, as no browser does. Repeated headers come joined by commas.
    """
    if host is not None and not called(own, host):
        return Refusal("Host", _not_called(host))
    if origin is not None and _name_of(origin) in own.origins:
        return None
    return _foreign(host, origin, fetch_site)


def own_refusal(
    own: Names, host: str | None, origin: str | None, fetch_site: str | None, *, auth: bool
) -> Refusal | None:
    """Why a request is not for pages that this server shows to browsers; None if it is.

    Only such a page itself may send requests to it: other listeners' and those of names that ``origins`` trusts for
    the API may not. With authentication (``auth``) the server may have names that it does not know.
    """
    if host is not None and not auth and not called(own, host):
        return Refusal("Host", _not_called(host))
    return host_refusal(own, host) or _foreign(host, origin, fetch_site)


def _foreign(host: str | None, origin: str | None, fetch_site: str | None) -> Refusal | None:
    """Why a page that sends a request is not one of the place that it sends it to."""
    if origin is not None and not _same(origin, host):
        shown, name = _shown(origin), _name_of(origin)
        advice = f" If that page is yours, start the server with --name {name}." if name else ""
        return Refusal("Origin", f"Pages of {shown} may not send requests here.{advice}")
    if fetch_site not in (None, "same-origin", "none"):  # images and links of other pages come without an Origin
        return Refusal("Sec-Fetch-Site", "Pages of other sites may not send requests here.")
    return None


def host_refusal(own: Names, host: str | None) -> Refusal | None:
    """Why what asks for no signature is not told to a request with this ``Host``; None if it is.

    For servers with authentication, which may have names that they do not know. Nobody can rebind an address, or a
    name without a dot (a container's, a machine's own).
    """
    if host is None or called(own, host):
        return None
    name, address = parsed(host)
    return None if address is not None or (name and "." not in name) else Refusal("Host", _not_called(host))


@lru_cache(maxsize=256)
def called(own: Names, host: str) -> bool:
    """Whether a ``Host`` names this server: as loopback, by one of its names or one below it, or as one of AWS's."""
    name, address = parsed(host)
    if name in own.names or (address is not None and _loopback(address)):
        return True
    return address is None and (_below(name, own.names | {"localhost"}) or bool(_AWS.match(name)))


def _below(name: str, names: Iterable[str]) -> bool:
    """Whether a name is one of these or stands below one: a bucket, or an endpoint's name."""
    return any(name == each or name.endswith(f".{each}") for each in names)


def _same(origin: str, host: str | None) -> bool:
    """Whether a page came from this very listener. Another port of the same machine is somebody else's."""
    scheme, _, place = origin.partition("://")
    return host is not None and scheme in _DEFAULT_PORTS and _place(place, scheme) == _place(host, scheme)


def _loopback(address: Address) -> bool:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback


def _place(host: str, scheme: str) -> tuple[str, str]:
    """Name and port, the scheme's own port if there is none."""
    found = _HOST.match(host.lower())
    if found is None:
        return host, "?"
    return found[1] or found[2], found[3] or _DEFAULT_PORTS.get(scheme.lower(), "")


def parsed(host: str) -> tuple[str, Address | None]:
    """The name in a ``Host``, in lower case, without its port; empty if it is none. And the address, if it is one."""
    found = _HOST.match(host.lower())
    if found is None:
        return "", None
    name: str = found[1] or found[2]
    try:
        return name, ipaddress.ip_address(name)
    except ValueError:
        return ("", None) if found[1] else (name, None)


def _name_of(origin: str) -> str:
    scheme, _, place = origin.partition("://")
    return parsed(place)[0] if scheme in _DEFAULT_PORTS else ""


def _not_called(host: str) -> str:
    name = parsed(host)[0]
    advice = f" If it is, start it with --name {name}." if name else ""
    return f"This server is not called {_shown(host)}.{advice}"


def _shown(text: str) -> str:
    """What a caller wrote, in a sentence of ours."""
    return ascii(text[:_LONGEST_SHOWN])
