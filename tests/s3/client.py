"""A bucket and two ways to it: boto3, and bytes."""

from __future__ import annotations

import http.client
import re
import socket
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

import pytest
from botocore.exceptions import ClientError

from tests.servers import Started
from tidegate.core.location import Location


class Response(NamedTuple):
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        """The code of an error."""
        found = re.search(rb"<Code>(\w+)</Code>", self.body)
        return found[1].decode() if found else ""


class Bucket:
    """A bucket."""

    def __init__(self, server: Started, s3: Any, name: str) -> None:
        self.server, self.s3, self.name = server, s3, name
        s3.create_bucket(Bucket=name)

    def put(self, key: str, data: bytes = b"data", **more: Any) -> Any:
        return self.s3.put_object(Bucket=self.name, Key=key, Body=data, **more)

    def get(self, key: str, **more: Any) -> Any:
        return self.s3.get_object(Bucket=self.name, Key=key, **more)

    def read(self, key: str, **more: Any) -> bytes:
        data: bytes = self.get(key, **more)["Body"].read()
        return data

    def keys(self, **more: Any) -> list[str]:
        return [entry["Key"] for entry in self.s3.list_objects_v2(Bucket=self.name, **more).get("Contents", [])]

    def path(self, key: str) -> str:
        return f"/{self.name}/{quote(key, safe='/~')}"

    def presign(self, key: str, method: Any = "GET", *, version: str | None = None, expires_s: int = 60) -> str:
        """A URL of the service's own, as path and query."""
        service = self.server.running.service
        assert service.objects is not None
        location = Location(self.name, key, version)
        url = service.objects.presign(method, location, signed_at=service.clock.now(), expires_s=expires_s)
        return url.removeprefix(self.server.addresses.objects)


def plain(server: Started, method: str, path: str, body: Any = None, **headers: str) -> Response:
    """An unsigned request."""
    connection = http.client.HTTPConnection(urlsplit(server.addresses.objects).netloc, timeout=30)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, named)
        response = connection.getresponse()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Response(response.status, found, response.read())
    finally:
        connection.close()


def raw(server: Started) -> socket.socket:
    """A connection."""
    parts = urlsplit(server.addresses.objects)
    assert parts.hostname is not None
    assert parts.port is not None
    return socket.create_connection((parts.hostname, parts.port), timeout=30)


def refusal(call: Any, **members: Any) -> tuple[int, str]:
    """Status and code of the error that boto3 raises."""
    with pytest.raises(ClientError) as caught:
        call(**members)
    response = caught.value.response
    return response["ResponseMetadata"]["HTTPStatusCode"], response["Error"]["Code"]
