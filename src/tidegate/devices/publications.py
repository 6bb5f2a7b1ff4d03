"""Messages of the broker as values that operations and other servers understand (``ops.broker.Publication``)."""

from __future__ import annotations

from tidegate.mqtt.codec import Properties
from tidegate.mqtt.session import Message
from tidegate.ops.broker import Publication

_NONE = Properties()


def message(publication: Publication, *, retain: bool = False) -> Message:
    """A message that is to be published."""
    one = publication
    return Message(one.topic, one.payload, one.qos, retain, _properties(one), one.expires_at)


def publication(message: Message) -> Publication:
    """A message that was published."""
    one = message.properties or _NONE
    return Publication(
        message.topic,
        message.payload,
        message.qos,
        message.retain,
        one.payload_format_indicator,
        one.content_type,
        one.response_topic,
        one.correlation_data,
        one.user_property,
        message.expires_at,
    )


def _properties(publication: Publication) -> Properties | None:
    properties = Properties(
        payload_format_indicator=publication.payload_format_indicator,
        content_type=publication.content_type,
        response_topic=publication.response_topic,
        correlation_data=publication.correlation_data,
        user_property=publication.user_properties,
    )
    return None if properties == _NONE else properties
