"""For tests of programs that talk to AWS IoT Jobs: a real server in the test process, and time that a test moves.

Installed with tidegate, pytest finds the fixtures of ``tidegate.testing.plugin`` by itself::

    def test_abort(tidegate_iot, tidegate_device, tidegate_clock):
        ...

Without pytest, ``tidegate.testing.server.serving`` gives the same server as a context manager.
"""

from tidegate.clock import MovableClock, SequentialIds

__all__ = ["MovableClock", "SequentialIds"]
