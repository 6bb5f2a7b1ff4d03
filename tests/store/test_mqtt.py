"""What MQTT keeps: put, list by page, delete, on both engines."""

from __future__ import annotations

from typing import Any

from tests.conftest import NOW
from tidegate.store import mqtt, scopes
from tidegate.store.database import Database, transact
from tidegate.store.mqtt import Message, Retained, Session, Subscription

ACCOUNT, REGION = "123456789012", "eu-west-1"


def _scope(database: Database) -> int:
    return transact(database, lambda tx: scopes.ensure(tx, ACCOUNT, REGION))


def _session(number: int, client_id: str = "lamp", expires_at: int | None = None) -> Session:
    return Session(number, ACCOUNT, REGION, client_id, 4, 3600, expires_at)


def _kept(database: Database, node: int = 7) -> tuple[list[Any], list[Any], list[Any]]:
    pages = database.read(lambda tx: list(mqtt.sessions(tx, node)))
    return tuple([row for page in pages for row in page[part]] for part in range(3))  # type: ignore[return-value]


def test_mqtt_session_put_and_list(database: Database) -> None:
    scope = _scope(database)
    transact(database, lambda tx: mqtt.put_sessions(tx, 7, [(scope, _session(1)), (scope, _session(2, "a\U0001f600"))]))
    transact(database, lambda tx: mqtt.put_sessions(tx, 8, [(scope, _session(1, "elsewhere"))]))
    transact(database, lambda tx: mqtt.put_sessions(tx, 7, [(scope, _session(1, expires_at=NOW))]))
    assert _kept(database)[0] == [_session(1, expires_at=NOW), _session(2, "a\U0001f600")]
    assert [each.client_id for each in _kept(database, 8)[0]] == ["elsewhere"]


def test_mqtt_sessions_are_listed_page_by_page_with_what_is_theirs(database: Database) -> None:
    scope, many = _scope(database), 2003
    filters = [Subscription(number, f"a/{number}", 1) for number in range(1, many + 1)]
    transact(
        database,
        lambda tx: mqtt.put_sessions(tx, 7, [(scope, _session(number, f"c{number}")) for number in range(1, many + 1)]),
    )
    transact(database, lambda tx: mqtt.put_subscriptions(tx, 7, filters))
    found, subscriptions, _ = _kept(database)
    assert [each.id for each in found] == list(range(1, many + 1))
    assert subscriptions == filters


def test_mqtt_messages_keep_their_bytes_and_order(database: Database) -> None:
    scope = _scope(database)
    first = Message(1, 5, "a/b", bytes(range(256)), False, None, None, False)
    second = Message(1, 6, "$aws/things/t/jobs/notify", b"", True, b"\x01\x00", NOW, True)
    transact(database, lambda tx: mqtt.put_sessions(tx, 7, [(scope, _session(1))]))
    transact(database, lambda tx: mqtt.put_messages(tx, 7, [second, first]))
    transact(database, lambda tx: mqtt.put_messages(tx, 7, [first]))
    assert _kept(database)[2] == [first, second]
    transact(database, lambda tx: mqtt.delete_messages(tx, 7, [(1, 5)]))
    assert _kept(database)[2] == [second]


def test_mqtt_subscriptions_are_replaced_and_deleted(database: Database) -> None:
    scope = _scope(database)
    transact(database, lambda tx: mqtt.put_sessions(tx, 7, [(scope, _session(1))]))
    transact(database, lambda tx: mqtt.put_subscriptions(tx, 7, [Subscription(1, "a/+", 0), Subscription(1, "b", 1)]))
    transact(database, lambda tx: mqtt.put_subscriptions(tx, 7, [Subscription(1, "a/+", 9)]))
    transact(database, lambda tx: mqtt.delete_subscriptions(tx, 7, [(1, "b"), (1, "never")]))
    assert _kept(database)[1] == [Subscription(1, "a/+", 9)]


def test_mqtt_session_delete_takes_everything_along(database: Database) -> None:
    scope = _scope(database)
    transact(database, lambda tx: mqtt.put_sessions(tx, 7, [(scope, _session(1)), (scope, _session(2, "other"))]))
    transact(database, lambda tx: mqtt.put_subscriptions(tx, 7, [Subscription(1, "a", 1), Subscription(2, "a", 1)]))
    waiting = [Message(1, 1, "a", b"x", False, None, None, False), Message(2, 2, "a", b"y", False, None, None, False)]
    transact(database, lambda tx: mqtt.put_messages(tx, 7, waiting))
    transact(database, lambda tx: mqtt.delete_sessions(tx, 7, [1]))
    assert _kept(database) == ([_session(2, "other")], [Subscription(2, "a", 1)], waiting[1:])


def test_mqtt_retained_messages(database: Database) -> None:
    scope = _scope(database)
    other = transact(database, lambda tx: scopes.ensure(tx, ACCOUNT, "us-east-1"))
    rows = [
        Retained(ACCOUNT, region, where, f"t/{number:04}", b"x", 1, None, None, NOW)
        for where, region in ((scope, REGION), (other, "us-east-1"))
        for number in range(1100)
    ]
    transact(database, lambda tx: mqtt.put_retained(tx, rows))
    newer = rows[0]._replace(payload=b"newer", qos=0, properties=b"\0", expires_at=NOW + 1)
    transact(database, lambda tx: mqtt.put_retained(tx, [newer]))
    transact(database, lambda tx: mqtt.delete_retained(tx, [(scope, "t/0001"), (scope, "none")]))
    assert database.read(lambda tx: list(mqtt.retained(tx))) == [newer, *rows[2:]]


def test_mqtt_session_take_is_done_once_and_what_waits_is_moved(database: Database) -> None:
    scope = _scope(database)
    waiting = [Message(1, number, "a", b"%d" % number, False, None, None, False) for number in (5, 9)]
    transact(database, lambda tx: mqtt.put_sessions(tx, 7, [(scope, _session(1)), (scope, _session(2, "other"))]))
    transact(database, lambda tx: mqtt.put_subscriptions(tx, 7, [Subscription(1, "a", 1), Subscription(2, "b", 0)]))
    transact(database, lambda tx: mqtt.put_messages(tx, 7, waiting))
    moved = [each._replace(session=3, id=number) for each, number in zip(waiting, (100, 101), strict=True)]
    assert transact(database, lambda tx: mqtt.take(tx, 7, 1, 1)) == ({1}, waiting)
    assert transact(database, lambda tx: mqtt.take(tx, 7, 1, 1)) == (set(), [])
    transact(database, lambda tx: mqtt.move(tx, 7, 8, list(zip(waiting, moved, strict=True))))
    assert _kept(database) == ([_session(2, "other")], [Subscription(2, "b", 0)], [])
    transact(database, lambda tx: mqtt.put_sessions(tx, 8, [(scope, _session(3))]))
    assert _kept(database, 8) == ([_session(3)], [], moved)


def test_mqtt_nodes_and_the_first_sessions_of_one(database: Database) -> None:
    scope = _scope(database)
    assert database.read(mqtt.nodes) == []
    for node in (0, 7, 2**53 - 1):
        transact(
            database,
            lambda tx, node=node: mqtt.put_sessions(
                tx, node, [(scope, _session(number, f"{node}-{number}")) for number in (1, 2, 3)]
            ),
        )
    transact(database, lambda tx: mqtt.put_subscriptions(tx, 7, [Subscription(2, "b", 1), Subscription(3, "c", 1)]))
    assert database.read(mqtt.nodes) == [0, 7, 2**53 - 1]
    found = database.read(lambda tx: mqtt.some_sessions(tx, 7, 2))
    assert found == [(_session(1, "7-1"), []), (_session(2, "7-2"), [Subscription(2, "b", 1)])]
    assert database.read(lambda tx: mqtt.some_sessions(tx, 8, 2)) == []
