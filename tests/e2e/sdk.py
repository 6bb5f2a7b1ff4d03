"""Connections of the AWS IoT Device SDK for Python, as its builders make them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from awsiot import mqtt5_client_builder, mqtt_connection_builder

from tests.e2e.fleet import PATIENCE, Account, Credentials
from tests.e2e.mqtt import Inbox


def builder_options(account: Account, credentials: Credentials) -> dict[str, Any]:
    return {
        "endpoint": "localhost",
        "port": account.mqtt_port,
        "cert_filepath": str(credentials.certificate),
        "pri_key_filepath": str(credentials.key),
        "ca_filepath": account.server.addresses.ca,
    }


@contextmanager
def mqtt_3(account: Account, credentials: Credentials, client_id: str) -> Iterator[Any]:
    """The SDK's MQTT 3.1.1 connection, as its builder makes it."""
    connection = mqtt_connection_builder.mtls_from_path(
        **builder_options(account, credentials), client_id=client_id, clean_session=False
    )
    connection.connect().result(PATIENCE)
    yield connection
    connection.disconnect().result(PATIENCE)


@contextmanager
def mqtt_5(account: Account, credentials: Credentials, client_id: str, **options: Any) -> Iterator[Any]:
    """The SDK's MQTT 5 client; ``options`` are further ones of its builder."""
    up, down = Inbox(), Inbox()
    client = mqtt5_client_builder.mtls_from_path(
        **builder_options(account, credentials),
        client_id=client_id,
        on_lifecycle_connection_success=up.put,
        on_lifecycle_stopped=down.put,
        **options,
    )
    client.start()
    negotiated = up.get().negotiated_settings
    assert negotiated.client_id == client_id
    yield client
    client.stop()
    down.get()


@contextmanager
def adapted(account: Account, credentials: Credentials, client_id: str) -> Iterator[Any]:
    """The SDK's MQTT 5 client behind its 3.1.1 interface."""
    with mqtt_5(account, credentials, client_id) as client:
        yield client.new_connection()
