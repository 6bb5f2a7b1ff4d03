"""The rules. Functions of plain values and ``now`` (epoch ms): no I/O, no clock, no randomness, no logging."""
