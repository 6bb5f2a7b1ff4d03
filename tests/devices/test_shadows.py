"""Shadow requests over MQTT when the store is slow, full or gone (device reference 9.4)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

from tests.mqtt.rig import SCOPE
from tidegate.devices.dispatch import Dispatch
from tidegate.devices.ordering import InOrder
from tidegate.devices.route import Asked
from tidegate.devices.shadows import IN_FLIGHT
from tidegate.devices.table import TABLE
from tidegate.mqtt.session import Message
from tidegate.ops.call import Origin
from tidegate.store.database import Lane, StoreUnavailable

UPDATE = "$aws/things/lamp/shadow/update"


class SlowStore:
    """Works that end when the test says so."""

    def __init__(self, *, ordered: bool = True) -> None:
        self.ordered = ordered
        self.waiting: list[tuple[Any, asyncio.Future[Any]]] = []

    def transact(self, work: Any) -> asyncio.Future[Any]:
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.waiting.append((work, future))
        return future


class Client:
    """Who sends requests."""

    def __init__(self) -> None:
        self.principal, self.scope, self.scope_id = "cert", SCOPE, 1
        self.origin = None


class Scene:
    """Shadows over a slow store, and what they published."""

    def __init__(self) -> None:
        self.store = SlowStore()
        self.published: list[tuple[str, Any]] = []
        self.delivered: list[str] = []
        call = SimpleNamespace(now=5000, account=SCOPE[0], region=SCOPE[1], origin=Origin(edge="mqtt", device=True))
        now = SimpleNamespace(now=lambda: 5000)
        service: Any = SimpleNamespace(unit=self.store, call_at=lambda *_where: call, clock=now, injector=None)
        self.dispatch = Dispatch(service)

    def publish(self, topic: str, payload: bytes, _qos: int, **_options: Any) -> None:
        self.published.append((topic, json.loads(payload)))

    def ask(self, client: Any, token: str) -> Any:
        message = Message(UPDATE, json.dumps({"state": {}, "clientToken": token}).encode())
        claim = TABLE.find(UPDATE)
        assert isinstance(claim, Asked)
        return self.dispatch.request(client, claim, message, None, self)

    def spread(self, message: Message, _scope: Any, _origin: Any) -> int:
        self.delivered.append(message.topic)
        return 0


def carried_out(scenario: Callable[[], Awaitable[None]]) -> None:
    async def run() -> None:
        await scenario()

    asyncio.run(run())


def test_ten_requests_of_a_connection_may_be_under_way() -> None:
    async def scenario() -> None:
        scene, one, other = Scene(), Client(), Client()
        for number in range(IN_FLIGHT):
            assert not scene.ask(one, str(number)).done()
        assert scene.ask(one, "late").result() == ()
        ((topic, body),) = scene.published
        assert topic == f"{UPDATE}/rejected"
        assert (body["code"], body["clientToken"]) == (429, "late")
        assert not scene.ask(other, "0").done()
        scene.store.waiting[0][1].set_result(())
        await asyncio.sleep(0)
        assert not scene.ask(one, "again").done()
        assert scene.ask(one, "late").done()

    carried_out(scenario)


def test_a_store_that_fails_is_an_internal_failure() -> None:
    async def scenario() -> None:
        scene, client = Scene(), Client()
        future = scene.ask(client, "c")
        scene.store.waiting[0][1].set_exception(StoreUnavailable("disk full"))
        await asyncio.wait([future])
        assert scene.published == [
            (
                f"{UPDATE}/rejected",
                {"code": 500, "message": "Internal service failure", "clientToken": "c"},
            )
        ]
        assert future.exception() is not None
        assert not scene.ask(client, "d").done()

    carried_out(scenario)


def test_turns_of_one_connection_wait_for_each_other() -> None:
    async def scenario() -> None:
        store, one, other = SlowStore(ordered=False), Client(), Client()
        turns: InOrder[None] = InOrder(store)  # type: ignore[arg-type]
        first, second = turns.run(one, lambda _tx: None), turns.run(one, lambda _tx: None)
        third = turns.run(other, lambda _tx: None)
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(store.waiting) == 2
        store.waiting[0][1].set_exception(StoreUnavailable("gone"))  # a failure lets the next go on
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(store.waiting) == 3
        for _, future in store.waiting[1:]:
            future.set_result(None)
        await asyncio.wait([first, second, third])
        assert [future.exception() is None for future in (first, second, third)] == [False, True, True]

    carried_out(scenario)


def test_what_is_slow_keeps_its_own_connection_waiting_and_no_other() -> None:
    async def scenario() -> None:
        store, one, other = SlowStore(), Client(), Client()
        turns: InOrder[None] = InOrder(store)  # type: ignore[arg-type]
        slow: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        first, second = turns.follow(one, lambda: slow), turns.run(one, lambda _tx: None)
        turns.run(other, lambda _tx: None)
        await asyncio.sleep(0)
        assert len(store.waiting) == 1, "the other's"
        slow.set_result(None)
        await asyncio.wait([first])
        third = turns.run(one, lambda _tx: None)
        await asyncio.sleep(0)
        store.waiting[1][1].set_result(None)
        await asyncio.wait([second])
        await asyncio.sleep(0)
        store.waiting[2][1].set_result(None)
        await asyncio.wait([third])
        turns.run(one, lambda _tx: None)
        assert len(store.waiting) == 4, "at once again"

    carried_out(scenario)


def test_job_requests_may_share_their_first_read() -> None:
    async def scenario() -> None:
        scene = Scene()
        topic = "$aws/things/lamp/jobs/start-next"
        claim = TABLE.find(topic)
        assert isinstance(claim, Asked)
        scene.dispatch.request(Client(), claim, Message(topic, b""), None, scene)
        work = scene.store.waiting[0][0]
        assert (work.first, work.lane, work.locks_rows) == ((1, "lamp"), Lane.DEVICES, True)

    carried_out(scenario)
