"""What the folder cannot do for somebody, under S3's names."""

from __future__ import annotations


class RefusedError(Exception):
    """``code`` is S3's code of the error; its sentence is the edge's."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code
