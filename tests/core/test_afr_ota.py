"""Documents of OTA updates: reach reference 6.2."""

from __future__ import annotations

import json

from tidegate.core import afr_ota, location
from tidegate.core.afr_ota import File, Signature
from tidegate.core.location import Location

PLACE = Location("firmware", "v 2/é+&?.bin")


def test_the_document_of_the_guide() -> None:
    """Every member that AWS's parsers want, a signed file over MQTT."""
    signature = Signature(b"\x30\x45", "SHA256", "ECDSA", "/certificates/authcert.pem")
    text = afr_ota.document(["MQTT"], "AFR_OTA-1", [File(0, 366816, PLACE, "/device/updates", 101, signature)])
    assert json.loads(text) == {
        "afr_ota": {
            "protocols": ["MQTT"],
            "streamname": "AFR_OTA-1",
            "files": [
                {
                    "filepath": "/device/updates",
                    "filesize": 366816,
                    "fileid": 0,
                    "certfile": "/certificates/authcert.pem",
                    "fileType": 101,
                    "update_data_url": None,
                    "auth_scheme": None,
                    "sig-sha256-ecdsa": "MEU=",
                }
            ],
        }
    }


def test_without_signature_and_name() -> None:
    document = json.loads(afr_ota.document(["MQTT"], "s", [File(3, 1, PLACE)]))["afr_ota"]
    assert document["files"] == [
        {
            "filepath": None,
            "filesize": 1,
            "fileid": 3,
            "certfile": None,
            "update_data_url": None,
            "auth_scheme": None,
            "sig--": None,
        }
    ]


def test_over_http_alone() -> None:
    document = json.loads(afr_ota.document(["HTTP"], None, [File(0, 1, PLACE)]))["afr_ota"]
    assert "streamname" not in document
    assert document["files"][0]["auth_scheme"] == "aws.s3.presigned"


def test_what_is_put_for_a_url_leads_to_the_object() -> None:
    for place in (PLACE, PLACE._replace(version_id="a/b+c")):
        assert location.parse(afr_ota.placeholder(place)) == place
