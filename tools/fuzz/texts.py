"""Texts worth varying. Imports nothing of what is fuzzed: who searches has that instrumented as it is imported."""

from __future__ import annotations

_DATED = b"Host: 127.0.0.1\nX-Amz-Date: 20261005T210000Z\n"
_SIGNED = _DATED + b"X-Amz-Content-SHA256: UNSIGNED-PAYLOAD\nAuthorization: "
_IOT_FORM = (
    _DATED + b"Authorization: AWS4-HMAC-SHA256 Credential=AKIA/20261005/eu-west-1/iot/aws4_request, "
    b"SignedHeaders=host;x-amz-date, Signature=" + b"0" * 64
)
_HEADER_FORM = (
    _SIGNED + b"AWS4-HMAC-SHA256 Credential=AKIA/20261005/eu-west-1/%b/aws4_request, "
    b"SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature=" + b"0" * 64
)
_QUERY_FORM = (
    b"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%%2F20261005%%2Feu-west-1%%2F%b%%2Faws4_request"
    b"&X-Amz-Date=20261005T210000Z&X-Amz-Expires=300&X-Amz-SignedHeaders=host&X-Amz-Signature=" + b"0" * 64
)
_STATEMENT = (
    b'{"Version":"2012-10-17","Statement":[{"Sid":"s","Effect":"%b","Action":["iot:Pub*","iot:CreateJob"],"Resource":'
    b'["arn:aws:iot:*:*:topic/${%b}/?","*"],"Condition":{"%b":{"%b":["%b"]}}}]}'
)
_CONDITIONS = (
    (b"StringLikeIfExists", b"iot:ClientId", b"lamp*"),
    (b"IpAddress", b"aws:SourceIp", b"192.0.2.0/24"),
    (b"DateLessThan", b"aws:CurrentTime", b"2030-01-01T00:00:00Z"),
    (b"ForAllValues:NumericLessThan", b"aws:EpochTime", b"1e3"),
    (b"Bool", b"aws:SecureTransport", b"true"),
)
_POLICIES = tuple(
    _STATEMENT % (effect, b"iot:ClientId", *condition) for effect in (b"Allow", b"Deny") for condition in _CONDITIONS
)
_PLAN = (
    b'{"Parameters":{"Serial":{"Type":"String","Default":"7"}},"Mappings":{"M":{"7":{"v":"x"}}},"Resources":{"thing":'
    b'{"Type":"AWS::IoT::Thing","OverrideSettings":{"Status":"REPLACE"},"Properties":{"ThingName":{"Fn::Join":["-",'
    b'["lamp",{"Ref":"Serial"}]]},"AttributePayload":{"a":{"Fn::FindInMap":["M",{"Ref":"Serial"},"v"]}},"ThingGroups":'
    b'{"Fn::Split":["/","a/b"]}}},"certificate":{"Type":"AWS::IoT::Certificate","Properties":{"CertificateId":'
    b'{"Ref":"AWS::IoT::Certificate::Id"},"Status":"ACTIVE"}},"policy":{"Type":"AWS::IoT::Policy","Properties":'
    b'{"PolicyDocument":{"Statement":{"Effect":"Allow","Action":"*","Resource":{"Fn::Sub":["arn:${a}",{"a":"b"}]}}}}}}}'
)

TEXTS: dict[str, tuple[bytes, ...]] = {
    "aws-chunked": (
        b"5\r\nhello\r\n0\r\n\r\n",
        b"5\r\nhello\r\n0\r\nx-amz-checksum-crc32:AAAA\r\n\r\n",
        b"5;chunk-signature=" + b"0" * 64 + b"\r\nhello\r\n0;chunk-signature=" + b"0" * 64 + b"\r\n\r\n",
        b"0\r\nx-amz-trailer-signature:0\r\n",
    ),
    "cbor": tuple(
        bytes.fromhex(each)
        for each in (
            "a1617301",
            "bf61615f41014102ff6162f97e00ff",
            "a26173f561748261781a000f4240",
            "c249010000000000000000",
        )
    ),
    "command": (
        b'{"a":["${aws:iot:commandexecution::parameter:p}",1.50,{"b${aws:iot:commandexecution::executionTimeoutSec}":1}]}',
        b'["${aws:iot:commandexecution::parameter:n}", 1e400, "<${aws:iot:commandexecution::parameter:b}>", "\\ud83d"]',
        b'["${aws:iot:commandexecution::parameter:n}", 12345678901234567890123, -0, 1e-400, "\\ud83d\\ude00"]',
    ),
    "cron": (
        b"cron(0 3 ? * MON-FRI *)",
        b"0 0/15 1-5,7 L * ? 2026-2030",
        b"0 12 15W * ? *",
        b"30 1 ? JAN,JUN 2#5 2199",
        b"5 0 3 ? * 6L *",
    ),
    "device-policy": _POLICIES,
    "device-request": (
        b'\x01{"clientToken":"c","statusDetails":{"a":"b"},"stepTimeoutInMinutes":5}',
        b'\x03{"status":"SUCCEEDED","expectedVersion":"2","includeJobDocument":true,"clientToken":"\\ud800"}',
        b'\x05{"state":{"desired":{"a":[1,{"b":null}]}},"version":3,"clientToken":"c"}',
        b'\x08{"certificateOwnershipToken":"t","parameters":{"SerialNumber":"7"}}',
        b'\x0b{"c":"c","s":1,"f":2,"l":1024,"o":0,"n":1,"b":"0F"}',
        b"\x0c\xa3af\x02al\x19\x04\x00ab\x41\x0f",
        b'\x0b{"s":' + b"1" * 4400 + b"}",
        b'\x0d{"status":"FAILED","statusReason":{"reasonCode":"E"},"result":{"a":{"s":"x"},"b":{"bin":"AA=="}}}',
        b'\x0d{"status":"SUCCEEDED","x":' + b"1" * 4400 + b"}",
        b"\x0e\xa2fstatusiSUCCEEDEDfresult\xa1aa\xa1cbin\x41\x00",
    ),
    "operator-policy": _POLICIES,
    "fleet-query": (
        b'thingName:lamp* AND NOT (attributes.model:"lamp 20" OR shadow.reported.stats.battery>=41.5)',
        b"shadow.reported.stats.battery:[7 TO 42} -connectivity.connected:true *",
        b"attributes.model:(lamp OR 2?) shadow.name.*:x\\:y",
    ),
    "http1": (
        b"GET /a?b=c HTTP/1.1\r\nHost: h\r\n\r\nPUT /b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi",
        b"POST /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2;e=1\r\nhi\r\n0\r\nTrailer: x\r\n\r\n",
        b"PUT /a HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\nConnection: close\r\n\r\nx",
        b"GET http://h/a HTTP/1.0\r\nConnection: keep-alive\r\n\r\nHEAD / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n",
        b"GET /mqtt HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nafter",
    ),
    "provisioning": (_PLAN,),
    "s3-signature": (
        b"GET /bucket/key?versionId=1\n" + _HEADER_FORM % b"s3",
        b"GET /bucket/key?" + _QUERY_FORM % b"s3" + b"\nHost: bucket.objects.example",
        b"PUT /bucket/key?AWSAccessKeyId=AKIA&Expires=1791190900&Signature=AAAA&x-amz-meta-a=b\nHost: localhost",
        b"PUT /b/k\nx-amz-copy-source: /bucket/k%20?versionId=2\n" + _HEADER_FORM % b"s3",
    ),
    "s3-xml": (
        b'<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="urn:x"><Object><Key>a&amp;b</Key></Object></Delete>',
        b'<!DOCTYPE a [<!ENTITY e "x">]><a>&e;</a>',
        b"<a><b><c><d><e><f><g><h/></g></f></e></d></c></b></a>",
    ),
    "sigv4": (
        b"PUT /things/a%2Fb?x=1&y\n" + _IOT_FORM + b"\n\n{}",
        b"GET /mqtt?" + _QUERY_FORM % b"iotdevicegateway" + b"&X-Amz-Security-Token=t\nHost: h:443",
    ),
}
"""Texts worth varying, by target of ``parsers``."""
