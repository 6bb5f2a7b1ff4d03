"""What is published when a device's certificate registers itself (device reference 7.5, 8.6).

Not one of the events that can be switched. The members are those of a message that a user of the live service saw:
``timestamp`` is epoch milliseconds, ``certificateRegistrationTimestamp`` is null.
"""

from __future__ import annotations

import msgspec


class _Registered(msgspec.Struct, rename="camel", kw_only=True):
    certificate_id: str
    ca_certificate_id: str
    timestamp: int
    certificate_status: str = "PENDING_ACTIVATION"
    aws_account_id: str
    certificate_registration_timestamp: None = None
    source_ip: str


def topic(ca_certificate_id: str) -> str:
    """Where it is published."""
    return f"$aws/events/certificates/registered/{ca_certificate_id}"


def message(*, certificate_id: str, ca_certificate_id: str, account: str, source_ip: str, now: int) -> str:
    """What it says; ``now`` is epoch ms."""
    event = _Registered(
        certificate_id=certificate_id,
        ca_certificate_id=ca_certificate_id,
        timestamp=now,
        aws_account_id=account,
        source_ip=source_ip,
    )
    return msgspec.json.encode(event).decode()
