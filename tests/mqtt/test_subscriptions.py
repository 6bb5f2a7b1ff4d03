"""The subscription index against the plain matching rule."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from tidegate.mqtt import topics
from tidegate.mqtt.subscriptions import Group, Index, Subscription


@dataclasses.dataclass(eq=False)
class Member:
    """A session as the index sees it."""

    name: str
    online: bool = True
    keeps: bool = False
    barred: bool = False

    def may_receive(self, topic: str) -> bool:
        return self.online and not self.barred


LEVELS = ["a", "b", "", "$aws"]
filters = (st.lists(st.sampled_from([*LEVELS, "+", "#"]), min_size=1, max_size=4).map("/".join)).filter(
    topics.valid_filter
)
names = st.lists(st.sampled_from(LEVELS), min_size=1, max_size=4).map("/".join).filter(topics.valid_topic)


def best(index: Index[Member], topic: str) -> dict[str, int]:
    found, _groups = index.match(topic)
    assert len({each.session for each in found}) == len(found)
    return {each.session.name: each.qos for each in found}


@given(
    st.lists(st.tuples(st.integers(0, 2), filters, st.integers(0, 1)), max_size=12, unique_by=lambda each: each[:2]),
    st.data(),
    names,
)
def test_the_index_agrees_with_the_rule(wanted: list[tuple[int, str, int]], data: st.DataObject, topic: str) -> None:
    members = [Member(str(number)) for number in range(3)]
    index: Index[Member] = Index()
    added = [Subscription(members[who], name, qos) for who, name, qos in wanted]
    for each in added:
        index.add(each)
    removed = data.draw(st.sets(st.sampled_from(range(len(added))))) if added else set()
    for number in removed:
        index.remove(added[number])
    expected: dict[str, int] = {}
    for number, each in enumerate(added):
        if number not in removed and topics.matches(each.filter, topic):
            expected[each.session.name] = max(each.qos, expected.get(each.session.name, 0))
    assert best(index, topic) == expected
    assert index.wanted(topic) is bool(expected)


def test_an_emptied_index_holds_nothing() -> None:
    index: Index[Member] = Index()
    member = Member("m")
    added = [Subscription(member, name, 1) for name in ("a/b", "a/+", "a/+/c", "#", "$share/g/a/b", "$share/g/a/#")]
    for each in added:
        index.add(each)
    for each in added:
        index.remove(each)
    assert not index.wanted("a/b")
    assert index._exact == {}
    assert index._root.children == {}


def test_an_exact_filter_may_have_many_subscribers() -> None:
    index: Index[Member] = Index()
    members = [Member(str(number)) for number in range(5)]
    added = [Subscription(member, "a", number % 2) for number, member in enumerate(members)]
    for each in added:
        index.add(each)
    assert best(index, "a") == {"0": 0, "1": 1, "2": 0, "3": 1, "4": 0}
    index.remove(added[0])
    index.remove(added[3])
    assert best(index, "a") == {"1": 1, "2": 0, "4": 0}


def test_a_group_takes_turns_among_those_online() -> None:
    index: Index[Member] = Index()
    members = [Member("x"), Member("y", online=False, keeps=True), Member("z")]
    for member in members:
        index.add(Subscription(member, "$share/g/a/+", 1))
    index.add(Subscription(members[0], "$share/other/a/+", 1))
    found, groups = index.match("a/b")
    assert found == []
    assert len(groups) == 2
    picked = [pick(groups[0], 1) for _ in range(6)]
    assert set(picked) == {"x", "z"}
    members[0].barred = True
    assert [pick(groups[0], 1) for _ in range(3)] == ["z", "z", "z"], "who may not receive it is passed over"
    members[2].barred = True
    assert pick(groups[0], 1) == "y", "it waits for one that is away"
    assert pick(groups[0], 0) is None
    members[0].online = members[2].online = False
    assert pick(groups[0], 1) == "y"
    assert pick(groups[0], 0) is None


def pick(group: Group[Member], qos: int) -> str | None:
    found = group.pick("a/b", qos)
    return None if found is None else found.session.name
