"""What devices' own libraries see: the time of a job request, subscribed at QoS 1 and at QoS 0.

That a client's PUBACK waits for the server's kernel shows here alone; the other loads leave no Nagle's algorithm on.
Besides: what requests cost that bring their subscriptions along, and a TLS record for each MQTT packet.
"""

from __future__ import annotations

import queue
import ssl
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from awscrt import mqtt
from awsiot import mqtt_connection_builder
from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion

from bench import counting, devices, machine, mqtt_client
from bench.measure import Aim, Figure, side_by_side
from bench.processes import Child

_PATIENCE_S = 20
_TOPIC = "$aws/things/t0/jobs/get"
_FLEET = 500
"""So many that none of them subscribes more often than it may."""

Ask = Callable[[], float]
"""Milliseconds of the median request."""


def run(*, quick: bool) -> list[Figure]:
    """paho, AWS's SDK, requests that subscribe, records."""
    rounds, cycles = (2, 5) if quick else (5, 100)
    figures = [
        _seen("paho-mqtt", _paho, Aim(1, at_least=False), rounds, cycles),
        _seen("awscrt", _awscrt, Aim(30, at_least=False), rounds, cycles),
    ]
    figures.append(_subscribing(*((20, 1, 0.2) if quick else (_FLEET, 5, 3.0))))
    counted = counting.possible() and not quick
    figures.append(_records(*((2, 1, 20) if quick else (5, 2, 50)), counted=counted))
    return figures


class _Tls:
    """What a client of the fleet connects with."""

    def __init__(self, server: Child, folder: Path) -> None:
        issued = server.ask("fleet", devices=1)
        self.port: int = server.ready["mqtts"]
        self.ca: str = server.ready["ca"]
        self.context: ssl.SSLContext = mqtt_client.context({"ca": self.ca, **issued})
        self.certificate, self.key = folder / "certificate.pem", folder / "key.pem"
        self.certificate.write_text(issued["certificate"])
        self.key.write_text(issued["key"])


@contextmanager
def _paho(tls: _Tls, qos: int, cycles: int) -> Iterator[Ask]:
    client = paho.Client(CallbackAPIVersion.VERSION2, "t0")
    client.tls_set_context(tls.context)
    answers: queue.Queue[bytes] = queue.Queue()
    granted: queue.Queue[int] = queue.Queue()
    client.on_message = lambda _client, _data, message: answers.put(message.payload)
    client.on_subscribe = lambda *_told: granted.put(qos)
    client.on_connect = lambda *_told: client.subscribe(f"{_TOPIC}/+", qos)
    client.connect("localhost", tls.port)
    client.loop_start()
    granted.get(timeout=_PATIENCE_S)
    yield lambda: _median(lambda: client.publish(_TOPIC, b"{}", qos), answers, cycles)
    client.disconnect()
    client.loop_stop()


@contextmanager
def _awscrt(tls: _Tls, qos: int, cycles: int) -> Iterator[Ask]:
    connection = mqtt_connection_builder.mtls_from_path(
        cert_filepath=str(tls.certificate),
        pri_key_filepath=str(tls.key),
        ca_filepath=tls.ca,
        endpoint="localhost",
        port=tls.port,
        client_id="t0",
    )
    connection.connect().result(_PATIENCE_S)
    answers: queue.Queue[bytes] = queue.Queue()

    def told(payload: bytes, **_more: object) -> None:
        answers.put(payload)

    connection.subscribe(f"{_TOPIC}/+", mqtt.QoS(qos), told)[0].result(_PATIENCE_S)
    yield lambda: _median(lambda: connection.publish(_TOPIC, b"{}", mqtt.QoS(qos)), answers, cycles)
    connection.disconnect().result(_PATIENCE_S)


def _median(publish: Callable[[], object], answers: queue.Queue[bytes], cycles: int) -> float:
    taken = []
    for _ in range(cycles):
        begin = time.perf_counter()
        publish()
        answers.get(timeout=_PATIENCE_S)
        taken.append(1000 * (time.perf_counter() - begin))
    return statistics.median(taken)


def _seen(name: str, client: Callable[[_Tls, int, int], object], aim: Aim, rounds: int, cycles: int) -> Figure:
    with tempfile.TemporaryDirectory() as folder, Child("bench.serving", machine.cores().server, data=folder) as server:
        tls = _Tls(server, Path(folder))

        def at(qos: int) -> float:
            with client(tls, qos, cycles) as ask:  # type: ignore[attr-defined]
                return float(ask())

        at(1)  # warm
        values, baseline = side_by_side(rounds, lambda: at(1), lambda: at(0))
    notes = ("GetPendingJobExecutions over mutual TLS, one device, request after request; median of a round",)
    return Figure(f"A job request of {name}, QoS 1", "ms", values, "QoS 0", baseline, aim, notes, of_value=True)


def _subscribing(fleet: int, rounds: int, seconds: float) -> Figure:
    """As the V2 clients of AWS's SDK do: two SUBSCRIBEs, the request, two UNSUBSCRIBEs."""
    cores = machine.cores()
    with (
        tempfile.TemporaryDirectory() as folder,
        Child("bench.serving", cores.server, data=folder) as server,
        Child("bench.pairs_load", cores.load) as around,
        Child("bench.pairs_load", cores.load) as alone,
    ):
        server.ask("fleet", devices=2 * fleet)
        around.ask("connect", port=server.ready["mqtt"], clients=fleet, around=True)
        alone.ask("connect", port=server.ready["mqtt"], clients=fleet, first=fleet)
        values, baseline = side_by_side(
            rounds,
            lambda: float(around.ask("pairs", seconds=seconds)["rate"]),
            lambda: float(alone.ask("pairs", seconds=seconds)["rate"]),
        )
    notes = (f"{fleet} devices, plain TCP; two SUBSCRIBEs before each request and two UNSUBSCRIBEs after it",)
    return Figure(
        "Job requests that subscribe and unsubscribe", "requests/s", values, "requests alone", baseline, None, notes
    )


def _records(rounds: int, laps: int, fleet: int, *, counted: bool) -> Figure:
    """CPU time differs by more than a record costs, from run to run; instructions do not."""
    options = {"qos": 1, "listens": True, "tls": True}
    with tempfile.TemporaryDirectory() as folder:
        each, joined, counts = Path(folder, "each"), Path(folder, "joined"), Path(folder, "counts")
        counts.mkdir()
        under = counting.under(counts) if counted else ()
        with (
            devices.fleet(each, laps, fleet, under=under, **options) as ours,  # type: ignore[arg-type]
            devices.fleet(joined, laps, fleet, under=under, **options, joined=True) as other,  # type: ignore[arg-type]
        ):

            def cost(devices_of: devices.Fleet) -> float:
                if counted:
                    number = counting.instructions(devices_of.server.pid, counts, devices_of.cycles)
                    return number / (laps * fleet * devices.JOBS)
                devices_of.cycles()
                return devices_of.cpu[-1]

            cost(ours), cost(other)  # warm
            values, baseline = side_by_side(rounds, lambda: cost(ours), lambda: cost(other))
    notes = (f"{fleet} devices, mutual TLS, QoS 1 and notify-next; a PUBACK and the reply behind it",)
    return Figure(
        f"{'Instructions' if counted else 'Server CPU'} of a device cycle, a TLS record for each packet",
        "outside the kernel" if counted else "µs",
        values,
        "one record for all that is due",
        baseline,
        Aim(1.03, at_least=False),
        notes,
    )
