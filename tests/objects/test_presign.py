"""Presigned URLs are those that botocore would make."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from unittest import mock

import pytest
from botocore import auth
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.aws import sigv4
from tidegate.aws.sigv4 import Key
from tidegate.core.location import Location
from tidegate.objects import presign
from tidegate.objects.presign import Site

NOW = 1_767_225_600_000
SITE = Site("http://127.0.0.1:9000", "eu-west-1")
KEY = Key("AKIDEXAMPLE", "secret/with+signs")
keys = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=50)


def botocore_url(
    method: str, location: Location, expires: int, *, key: Key = KEY, site: Site = SITE, at: int = NOW
) -> str:
    path = presign.path_of(location.bucket, location.key)
    query = f"?versionId={sigv4.escaped(location.version_id)}" if location.version_id else ""
    request = AWSRequest(method, f"{site.base}{path}{query}")
    instant = datetime.fromtimestamp(at / 1000, UTC).replace(tzinfo=None)
    names: dict[str, Any] = {"get_current_datetime": lambda: instant}
    with mock.patch.multiple(auth, **{name: value for name, value in names.items() if hasattr(auth, name)}):
        signer = S3SigV4QueryAuth(Credentials(key.key_id, key.secret, key.token), "s3", site.region, expires)
        signer.add_auth(request)
    return str(request.url)


def split(url: str) -> tuple[str, list[str]]:
    path, _, query = url.partition("?")
    return path, sorted(query.split("&"))


@settings(deadline=None)
@given(keys, st.sampled_from(["GET", "PUT"]), st.integers(1, 604_800))
def test_a_url_is_botocores(key: str, method: Any, expires: int) -> None:
    location = Location("bucket", key)
    ours = presign.url(SITE, KEY, method, location, signed_at=NOW, expires_s=expires)
    assert split(ours) == split(botocore_url(method, location, expires))


def test_a_version_and_a_token_are_signed() -> None:
    key, location = Key("ASIA", "s", "token/+="), Location("b", "dir/k", "v.1_2-3")
    ours = presign.url(SITE, key, "GET", location, signed_at=NOW, expires_s=60)
    assert split(ours) == split(botocore_url("GET", location, 60, key=key))
    assert "versionId=v.1_2-3" in ours


@pytest.mark.parametrize(
    ("base", "host"),
    [
        ("http://a:80", "a"),
        ("https://a:443", "a"),
        ("https://a:80", "a:80"),
        ("http://[::1]:9000", "[::1]:9000"),
        ("https://s3.eu-west-1.amazonaws.com", "s3.eu-west-1.amazonaws.com"),
    ],
)
def test_the_host_is_what_clients_send(base: str, host: str) -> None:
    assert Site(base, "r").host == host


def test_it_is_pure_and_to_the_second() -> None:
    location = Location("b", "k")
    urls = {presign.url(SITE, KEY, "GET", location, signed_at=NOW + ms, expires_s=60) for ms in (0, 1, 999)}
    assert len(urls) == 1
    assert presign.url(SITE, KEY, "GET", location, signed_at=NOW + 1000, expires_s=60) not in urls
