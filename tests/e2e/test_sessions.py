"""Persistent sessions of real clients across the death of the server: it is killed, and started again on its data."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from tests.e2e.fleet import PATIENCE, REGION
from tests.e2e.mqtt import Device
from tools.ordeal._acknowledged import Server

LEVELS = pytest.mark.parametrize("level", [4, 5], ids=["mqtt-3.1.1", "mqtt-5"])


class World:
    """A server that can be killed, and devices that know it by its data directory alone."""

    def __init__(self, folder: Path, store: str) -> None:
        self.folder, self.store = folder, store
        self.server = Server(folder / "data", store).wait()

    def killed_and_started_again(self) -> None:
        self.server.kill()
        self.server = Server(self.folder / "data", self.store).wait()

    @property
    def mqtt_port(self) -> int:
        return self.server.mqtt_port

    def device(self, client_id: str, *, level: int, clean: bool = False) -> Device:
        return Device(self, self._credentials(client_id), client_id, level=level, clean=clean)  # type: ignore[arg-type]

    def _credentials(self, name: str) -> tuple[Path, Path]:
        certificate, key = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        if not certificate.exists():
            iot = self.client("iot")
            made = iot.create_keys_and_certificate(setAsActive=True)
            document = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Resource":"*"}]}'
            iot.create_policy(policyName=name, policyDocument=document)
            iot.attach_policy(policyName=name, target=made["certificateArn"])
            certificate.write_text(made["certificatePem"])
            key.write_text(made["keyPair"]["PrivateKey"])
        return certificate, key

    def client(self, service: str) -> object:
        return boto3.session.Session("test", "test", region_name=REGION).client(
            service, endpoint_url=f"http://{self.server.http}"
        )

    def tls(self, files: tuple[Path, Path]) -> object:
        import ssl

        context = ssl.create_default_context(cafile=self.server.ca)
        context.load_cert_chain(*files)
        return context


@pytest.fixture(params=["sqlite", "postgres"])
def world(request: pytest.FixtureRequest, tmp_path: Path, new_postgres: Callable[[str], str]) -> Iterator[World]:
    store = "sqlite" if request.param == "sqlite" else new_postgres("tidegate-sessions")
    world = World(tmp_path, store)
    yield world
    world.server.kill()


@LEVELS
def test_a_killed_server_keeps_what_was_queued(world: World, level: int) -> None:
    device, sender = world.device("lamp", level=level), world.device("sender", level=level, clean=True)
    assert not device.present
    assert device.subscribe("room/+", "$share/group/shared") == [1, 1]
    device.vanish()
    for number in range(5):
        assert sender.publish("room/light", b"%d" % number) == 0
    assert sender.publish("shared", b"for the group") == 0
    assert sender.publish("kept", b"retained", retain=True) == 0
    world.killed_and_started_again()

    device = world.device("lamp", level=level)
    assert device.present
    assert [device.next().payload for _ in range(6)] == [b"0", b"1", b"2", b"3", b"4", b"for the group"]
    assert device.subscribe("kept") == [1]
    assert device.next().payload == b"retained"
    again = world.device("sender", level=level, clean=True)
    assert again.publish("room/light", b"live") == 0
    assert device.next().payload == b"live"
    device.close()
    again.close()


def test_a_device_that_was_connected_when_the_server_died_keeps_its_session(world: World) -> None:
    device = world.device("lamp", level=4)
    device.subscribe("room/+")
    world.killed_and_started_again()
    assert device.ended.get(timeout=PATIENCE) != 0
    sender = world.device("sender", level=4, clean=True)
    assert sender.publish("room/light", b"while away") == 0
    device = world.device("lamp", level=4)
    assert device.present
    assert device.next().payload == b"while away"
    device.close()
    sender.close()
