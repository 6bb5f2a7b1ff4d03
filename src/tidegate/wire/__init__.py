"""The wire: shapes, constraints, routes and errors of the AWS service models. The lowest layer."""

from tidegate.wire.jsontext import from_json, json_encode, to_json

__all__ = ["from_json", "json_encode", "to_json"]
