"""Identifiers that the machine's randomness makes."""

from __future__ import annotations

import os
import uuid

from tidegate.clock import RandomIds


def test_identifiers_are_version_4_and_all_different() -> None:
    ids = RandomIds()
    made = [ids.uuid() for _ in range(1000)]
    assert len(set(made)) == len(made)
    assert all(str(uuid.UUID(each)) == each for each in made)
    assert {uuid.UUID(each).version for each in made} == {4}
    assert {uuid.UUID(each).variant for each in made} == {uuid.RFC_4122}
    assert {each[19] for each in made} == set("89ab")


def test_a_forked_process_makes_others() -> None:
    ids = RandomIds()
    ids.uuid()
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.write(writing, ids.uuid().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reading, 100).decode() != ids.uuid()
    os.close(reading)
    os.close(writing)
