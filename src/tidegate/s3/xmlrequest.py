"""Documents that requests bring."""

from __future__ import annotations

from tidegate.s3 import incoming, xmltext
from tidegate.s3.errors import S3Error
from tidegate.s3.request import Request
from tidegate.s3.xmltext import Node


async def root(request: Request, name: str) -> Node:
    """The document of a request.

    Raises:
        S3Error: MalformedXML, or what the body is refused for.
    """
    return parsed(await incoming.small(request), name)


def parsed(body: bytes, name: str) -> Node:
    """A document whose root has this name; raises S3Error, MalformedXML."""
    try:
        node = xmltext.read(body)
    except ValueError:
        raise S3Error("MalformedXML") from None
    if node.name != name:
        raise S3Error("MalformedXML")
    return node
