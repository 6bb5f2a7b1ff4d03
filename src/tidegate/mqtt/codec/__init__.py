"""MQTT 3.1.1 and 5 packets: bytes in, packets out, and back. No sockets, no sessions, no policy.

Both directions of every packet are here, so a client can use it too. PUBREC, PUBREL, PUBCOMP and AUTH are refused:
there is no QoS 2 and no enhanced authentication (device reference 2.4, 2.7).
"""

from tidegate.mqtt.codec.packets import (
    MAX_REMAINING_LENGTH,
    PINGRESP,
    V5,
    V31,
    V311,
    Connack,
    Connect,
    Disconnect,
    Filter,
    Packet,
    Pingreq,
    Pingresp,
    Properties,
    ProtocolError,
    Puback,
    Publish,
    Reason,
    Suback,
    Subscribe,
    Unsuback,
    Unsubscribe,
    Will,
)
from tidegate.mqtt.codec.properties import decode_properties, encode_properties
from tidegate.mqtt.codec.reading import Reader
from tidegate.mqtt.codec.writing import encode, encode_puback, encode_publish

__all__ = [
    "MAX_REMAINING_LENGTH",
    "PINGRESP",
    "V5",
    "V31",
    "V311",
    "Connack",
    "Connect",
    "Disconnect",
    "Filter",
    "Packet",
    "Pingreq",
    "Pingresp",
    "Properties",
    "ProtocolError",
    "Puback",
    "Publish",
    "Reader",
    "Reason",
    "Suback",
    "Subscribe",
    "Unsuback",
    "Unsubscribe",
    "Will",
    "decode_properties",
    "encode",
    "encode_properties",
    "encode_puback",
    "encode_publish",
]
