"""Measures tidegate against baselines in the same run: ``python -m bench [name …] [--quick] [--write]``.

A figure alone says more about the machine than about the code, so every figure stands beside a baseline that was
measured in turn with it, round by round, and the ratio of the two is what counts.
"""
