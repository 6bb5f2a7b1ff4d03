"""Backups: store, objects and keys of one instant, taken beside a running server, and brought back.

``take.take`` writes one into a folder of backups, ``restore.restore`` makes a data directory (and a PostgreSQL) of it.
What lies in the folder is told in ``format.py``.
"""
