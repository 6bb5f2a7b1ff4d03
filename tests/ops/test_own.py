"""What holds for every operation that AWS does not have."""

from __future__ import annotations

import pytest

from tests.conftest import NOW
from tidegate.core import permissions
from tidegate.core.arn import Names
from tidegate.ops import audit, own
from tidegate.ops.call import Call, Origin
from tidegate.store.database import Database, locks_rows, transact
from tidegate.wire.errors import WireError

CHANGES = ("Pause", "Resume", "Approve", "Put", "Delete")
NAMES = Names("aws", "eu-west-1", "123456789012")


@pytest.mark.parametrize("name", own.REQUESTS)
def test_it_has_a_permission_of_its_own_and_leaves_an_entry_if_it_changes_something(name: str, call: Call) -> None:
    handler, request = own.HANDLERS[own.PLANE, name], own.REQUESTS[name]
    mine = call._replace(origin=Origin(own.PLANE, name, edge="http"))
    assert audit.counts(handler, mine, None) == name.startswith(CHANGES)
    assert permissions.actions(own.PLANE, name) == (f"tidegate:{name}",)
    assert (own.PLANE, name) in permissions.OWN
    of_a_job = "job_id" in request.__struct_fields__
    asked = request(job_id="j") if of_a_job else None
    needed = permissions.needs(own.PLANE, name, asked, NAMES)
    assert [need.resource for need in needed] == [NAMES.job("j") if of_a_job else "*"]


def test_one_that_is_refused_leaves_none(database: Database, call: Call) -> None:
    name = "PauseJob"
    handler, request = own.HANDLERS[own.PLANE, name], own.REQUESTS[name](job_id="none")
    mine = call._replace(now=NOW, origin=Origin(own.PLANE, name, edge="http"))
    work = audit.recorded(handler.transaction(mine, request), handler, mine, request)
    with pytest.raises(WireError):
        transact(database, locks_rows(work))
    assert database.read(audit.unsealed) == []
