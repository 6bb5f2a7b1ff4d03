"""``tidegate env``: the environment that points AWS's tools at a server here."""

from __future__ import annotations

import shlex
from urllib.parse import urlsplit

import msgspec

from tidegate import server
from tidegate.cli import options
from tidegate.server import Addresses

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def env(*, data: options.Data = options.DATA) -> None:
    """Print shell exports for the server that runs, or last ran, on a data directory; without one, for the defaults.

    Use it as: eval "$(tidegate env)"
    """
    try:
        addresses = msgspec.json.decode((data / "addresses.json").read_bytes(), type=Addresses)
    except FileNotFoundError:
        addresses = _defaults(data)
    for name, value in _variables(addresses).items():
        print(f"export {name}={shlex.quote(value)}")
    if addresses.auth:
        print("# Authentication is on: sign with a key made by `tidegate keys create`.")


def _defaults(data: options.Data) -> Addresses:
    return Addresses(
        http=f"http://{server.HTTP}",
        https=f"https://{server.HTTPS}",
        mqtts=f"mqtts://{server.MQTTS}",
        shared=None,
        ca=str((data / "ca.pem").resolve()),
        account=options.ACCOUNT,
        region="us-east-1",
        auth=False,
        clock="system",
        objects=f"http://{server.OBJECTS}",
    )


def _variables(addresses: Addresses) -> dict[str, str]:
    http, mqtts = urlsplit(addresses.http), urlsplit(addresses.mqtts)
    endpoint = f"{http.scheme}://{reachable(http.hostname)}:{http.port}"
    host = reachable(mqtts.hostname)
    variables = {
        "AWS_ENDPOINT_URL_IOT": endpoint,
        "AWS_ENDPOINT_URL_IOT_JOBS_DATA_PLANE": endpoint,
        "AWS_ENDPOINT_URL_IOT_DATA_PLANE": endpoint,
        "AWS_DEFAULT_REGION": addresses.region,
    }
    if not addresses.auth:
        # Any credentials are taken, and twelve digits as the key id name the account.
        variables |= {"AWS_ACCESS_KEY_ID": addresses.account, "AWS_SECRET_ACCESS_KEY": "tidegate"}
    return (
        variables
        | _object_variables(addresses)
        | _bundle(addresses)
        | {
            "TIDEGATE_ENDPOINT": endpoint,
            "TIDEGATE_CA_FILE": addresses.ca,
            "TIDEGATE_MQTT_HOST": host.strip("[]"),
            "TIDEGATE_MQTT_PORT": str(mqtts.port),
        }
    )


def _object_variables(addresses: Addresses) -> dict[str, str]:
    if not addresses.objects:  # written by an older server
        return {}
    parts = urlsplit(addresses.objects)
    port = f":{parts.port}" if parts.port else ""
    return {"AWS_ENDPOINT_URL_S3": f"{parts.scheme}://{reachable(parts.hostname)}{port}"}


def _bundle(addresses: Addresses) -> dict[str, str]:
    """What the tools must trust where it is this server that listens, with a certificate of its own authority."""
    http, objects = urlsplit(addresses.http), urlsplit(addresses.objects)
    here = objects.hostname in (*_ANYWHERE, *_ANYWHERE.values(), "localhost")
    ours = (http.scheme == "https" and "http" not in addresses.own) or (
        here and objects.scheme == "https" and "objects" not in addresses.own
    )
    return {"AWS_CA_BUNDLE": addresses.ca} if ours else {}


def reachable(host: str | None) -> str:
    """A host as clients on this machine reach it, in brackets if it is an IPv6 address."""
    name = _ANYWHERE.get(host or "", host or "localhost")
    return f"[{name}]" if ":" in name else name
