"""What servers know of each other's wishes: the same picture everywhere, and nothing left of one that is gone."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.devices.peers import Peers
from tidegate.mqtt.session import Message
from tidegate.ops.effects import FiltersAnnounced, Held, Wanted

SCOPE = "123456789012", "eu-west-1"
NAMES = ("a", "b", "c")
SHARE = "$share/g/t/+"


def announced(server: str, *filters: tuple[str, int, bool], **more: Any) -> FiltersAnnounced:
    number = NAMES.index(server) + 1
    return FiltersAnnounced(server, number, number, 0, [Wanted(*SCOPE, *each) for each in filters], **more)


def names(peers: Peers, topic: str) -> dict[str, bool]:
    return {peer.name: keeps for peer, keeps in peers.wanting(SCOPE, topic).items()}


def test_who_wants_a_message_and_for_whom() -> None:
    peers = Peers("a")
    peers.hear(announced("b", ("t/#", 1, False), ("t/x", 1, True)))
    peers.hear(announced("c", ("$share/g/t/x", 2, False)))
    assert names(peers, "t/x") == {"b": True, "c": False}
    assert names(peers, "t/y") == {"b": False}
    peers.hear(announced("b", ("t/x", 0, False)))
    assert names(peers, "t/x") == {"b": False, "c": False}
    assert names(peers, "u") == {}
    assert peers.wanting(("another", "eu-west-1"), "t/x") == {}


def test_a_server_is_known_once_it_has_said_everything() -> None:
    peers = Peers("a")
    assert not peers.known(None)
    assert peers.known(frozenset())
    assert not peers.known({2})
    peers.hear(announced("b", begins=True))
    assert not peers.known({2})
    peers.hear(announced("b", ("t", 1, False)))
    assert not peers.known({2})
    peers.hear(announced("b", ends=True))
    assert peers.known({2})
    peers.hear(announced("b", begins=True))
    assert not peers.known({2})
    assert names(peers, "t") == {}


def test_of_a_server_that_is_gone_the_sessions_go_on_wanting() -> None:
    peers = Peers("a")
    client = SCOPE, "lamp"
    held = (Held(*SCOPE, "lamp", held=True, online=False),)
    peers.hear(announced("b", ("kept", 1, True), ("live", 1, False), (SHARE, 1, True), sessions=held))
    peer = peers.get("b")
    assert peer is not None
    peers.drop(peer, 1.0)
    assert (names(peers, "kept"), names(peers, "live")) == ({"b": True}, {})
    assert not peers.share(SCOPE, SHARE)
    assert peers.having(client) is peer
    assert peers
    assert not list(peers)
    peers.forget(peer)
    assert names(peers, "kept") == {}
    assert peers.having(client) is None
    assert not peers


@settings(derandomize=True, max_examples=100, deadline=None)
@given(
    said=st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 3), st.booleans()), max_size=8),
    payload=st.binary(max_size=4),
    qos=st.integers(0, 1),
    passed=st.sets(st.sampled_from(NAMES)),
)
def test_all_agree_whose_turn_it_is(
    said: list[tuple[str, int, bool]], payload: bytes, qos: int, passed: set[str]
) -> None:
    everybody = [Peers(name) for name in NAMES]
    last: dict[str, tuple[int, bool]] = {}
    for server, online, keeps in said:
        last[server] = online, keeps
        for each in everybody:
            each.hear(announced(server, (SHARE, online, keeps)))
    message = Message("t/x", payload, qos)
    turns = {each.turn(SCOPE, SHARE, message, passed) for each in everybody}
    assert len(turns) == 1
    (turn,) = turns
    online = {name for name, (count, _) in last.items() if count and name not in passed}
    keeping = {name for name, (_, keeps) in last.items() if keeps and name not in passed}
    assert turn in (online or (keeping if qos else set()) or {""})


def test_a_server_gets_its_share_by_its_members() -> None:
    peers = Peers("a")
    for server, online in (("a", 1), ("b", 3)):
        peers.hear(announced(server, (SHARE, online, False)))
    turns = [peers.turn(SCOPE, SHARE, Message("t/x", b"%d" % number)) for number in range(2000)]
    assert 0.7 < turns.count("b") / 2000 < 0.8
