"""The devices' plane over MQTT: jobs, notices, shadows, and what the broker does with what it carries."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any

from tidegate.conformance.assertions import UnmetError, absent, holds, same
from tidegate.conformance.device import Device, Message
from tidegate.conformance.endpoint import Endpoint
from tidegate.conformance.expectation import DOCUMENT, LIVE, MODEL, REPORT, Chapter

chapter = Chapter("mqtt")
expects = chapter.expects


def _topics(thing: str) -> str:
    return f"$aws/things/{thing}/jobs"


def _listening(at: Endpoint, thing: str, **how: Any) -> Device:
    device = at.device(**how)
    device.subscribe(f"{_topics(thing)}/notify", f"{_topics(thing)}/notify-next")
    return device


def _notices(device: Device, thing: str, marker: str) -> list[str]:
    """The kinds of notices that have come so far."""
    return [each.topic.rpartition("/")[2] for each in device.heard(marker) if each.topic.startswith(_topics(thing))]


# -- requests ---------------------------------------------------------------------------------------------------------


@expects("unsubscribed", "An answer reaches the client that asked, subscribed or not", "device 3.3", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    device.accepted(f"{_topics(thing)}/get")


@expects("nobody-else", "Nobody else gets an answer, whatever they have subscribed to", "device 3.3", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device, other = at.thing(), at.device(), at.device()
    other.subscribe(f"{_topics(thing)}/#")
    device.accepted(f"{_topics(thing)}/get")
    found = [each.topic for each in other.heard(at.name("marker")) if each.topic.endswith("/accepted")]
    same(found, [], "answers at another client")


@expects("one-copy", "A client that has subscribed to its answer gets one copy", "device 3.3", REPORT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    device.subscribe(f"{_topics(thing)}/get/accepted", f"{_topics(thing)}/#")
    device.accepted(f"{_topics(thing)}/get")
    found = [each.topic for each in device.heard(at.name("marker")) if each.topic.endswith("/get/accepted")]
    same(found, [], "further copies")


@expects("get-empty", "GetPending of an idle thing is accepted with two empty lists", "device 3.4", LIVE)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    found = device.accepted(f"{_topics(thing)}/get")
    same((found.get("inProgressJobs"), found.get("queuedJobs")), ([], []), "lists")
    holds(isinstance(found.get("timestamp"), int), "a timestamp in whole seconds", found)


@expects("token", "clientToken comes back on accepted", "device 3.3", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    token = device.token()
    same(device.accepted(f"{_topics(thing)}/get", {"clientToken": token}).get("clientToken"), token, "clientToken")
    absent(device.accepted(f"{_topics(thing)}/get"), ["clientToken"])


@expects("token-rejected", "… and on rejected", "device 3.8", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    token = device.token()
    found = device.rejected(f"{_topics(thing)}/none/update", "InvalidRequest", {"clientToken": token})
    same(found.get("clientToken"), token, "clientToken")


@expects("empty-payload", "An empty payload is as `{}`", "device 3.3", REPORT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    device.accepted(f"{_topics(thing)}/start-next", b"")


@expects("start-next", "start-next answers with the whole execution, its document as JSON", "device 3.5", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one(document='{"do":{"it":[1,2]}}')
    found = at.device().accepted(f"{_topics(thing)}/start-next")["execution"]
    shown = (found["jobId"], found["status"], found["versionNumber"], found["jobDocument"])
    same(shown, (job, "IN_PROGRESS", 2, {"do": {"it": [1, 2]}}), "jobId, status, version, document")
    holds(isinstance(found["queuedAt"], int) and isinstance(found["startedAt"], int), "times in whole seconds", found)


@expects("start-next-empty", "start-next with nothing pending is accepted without execution", "device 3.5", DOCUMENT)
def _(at: Endpoint) -> None:
    thing = at.thing()
    absent(at.device().accepted(f"{_topics(thing)}/start-next"), ["execution"])


@expects(
    "start-next-again", "A second start-next returns the same execution, version unchanged", "device 3.5", DOCUMENT
)
def _(at: Endpoint) -> None:
    _, thing = at.job_of_one()
    device = at.device()
    found = [device.accepted(f"{_topics(thing)}/start-next")["execution"]["versionNumber"] for _ in range(2)]
    same(found, [2, 2], "versions")


@expects("next-get", "`$next/get` answers on `$next/get/accepted`", "device 3.6", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    found = at.device().accepted(f"{_topics(thing)}/$next/get")
    same(found["execution"]["jobId"], job, "jobId")


@expects("next-get-empty", "`$next/get` with nothing pending is accepted without execution", "device 3.6", LIVE)
def _(at: Endpoint) -> None:
    thing = at.thing()
    absent(at.device().accepted(f"{_topics(thing)}/$next/get"), ["execution"])


@expects("describe", "A job's `get` has its execution; without document when it is not wanted", "device 3.6", MODEL)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one(document='{"x":1}')
    device, topic = at.device(), f"{_topics(thing)}/{job}/get"
    same(device.accepted(topic)["execution"]["jobDocument"], {"x": 1}, "jobDocument")
    absent(device.accepted(topic, {"includeJobDocument": False})["execution"], ["jobDocument"])


@expects("update", "update is accepted with timestamp and token only", "device 3.7", LIVE)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    body = {"status": "IN_PROGRESS", "clientToken": "t"}
    found = at.device().accepted(f"{_topics(thing)}/{job}/update", body)
    same(sorted(found), ["clientToken", "timestamp"], "members")


@expects("update-state", "update tells the state after it when asked", "device 3.7", MODEL)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    body = {"status": "IN_PROGRESS", "includeJobExecutionState": True, "statusDetails": {"a": "b"}}
    found = at.device().accepted(f"{_topics(thing)}/{job}/update", body)
    same(
        found.get("executionState"), {"status": "IN_PROGRESS", "statusDetails": {"a": "b"}, "versionNumber": 2}, "state"
    )


@expects(
    "update-without-status",
    "update without status is InvalidRequest with the sentence for required members",
    "device 3.7",
    REPORT,
)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    found = at.device().rejected(f"{_topics(thing)}/{job}/update", "InvalidRequest", {})
    holds(
        "Value null at 'status' failed to satisfy constraint: Member must not be null" in found["message"], "it", found
    )


@expects("version-mismatch", "Another expectedVersion is VersionMismatch, with the state", "device 3.8", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    body = {"status": "IN_PROGRESS", "expectedVersion": 99}
    found = at.device().rejected(f"{_topics(thing)}/{job}/update", "VersionMismatch", body)
    same(found.get("executionState"), {"status": "QUEUED", "versionNumber": 1}, "executionState")


@expects("version-as-text", "expectedVersion may be a numeric string", "device 3.7", REPORT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    device = at.device()
    device.accepted(f"{_topics(thing)}/{job}/update", {"status": "IN_PROGRESS", "expectedVersion": "1"})
    device.rejected(
        f"{_topics(thing)}/{job}/update", "VersionMismatch", {"status": "SUCCEEDED", "expectedVersion": "1"}
    )


@expects("terminal", "update of what has ended is InvalidStateTransition, with the state", "device 3.8", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    device = at.device()
    device.accepted(f"{_topics(thing)}/{job}/update", {"status": "SUCCEEDED"})
    found = device.rejected(f"{_topics(thing)}/{job}/update", "InvalidStateTransition", {"status": "IN_PROGRESS"})
    same(found["executionState"]["status"], "SUCCEEDED", "status in executionState")


@expects("not-json", "What is not JSON is InvalidJson", "device 3.8", DOCUMENT)
def _(at: Endpoint) -> None:
    thing = at.thing()
    at.device().rejected(f"{_topics(thing)}/get", "InvalidJson", b"{no json")


@expects("unknown-job", "update of an unknown job is ResourceNotFound", "device 3.8", DOCUMENT)
def _(at: Endpoint) -> None:
    thing = at.thing()
    at.device().rejected(f"{_topics(thing)}/nothing/update", "ResourceNotFound", {"status": "SUCCEEDED"})


@expects("invalid-topic", "A topic that is none is InvalidTopic", "device 3.8", DOCUMENT)
def _(at: Endpoint) -> None:
    thing = at.thing()
    at.device().rejected(f"{_topics(thing)}/nonsense", "InvalidTopic", {})


@expects(
    "forced-cancel",
    "A device whose execution was cancelled by force is told by its next update",
    "device 5.3",
    DOCUMENT,
)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    device = at.device()
    device.accepted(f"{_topics(thing)}/start-next")
    at.ask("iot", "CancelJobExecution", jobId=job, thingName=thing, force=True)
    found = device.rejected(f"{_topics(thing)}/{job}/update", "InvalidStateTransition", {"status": "SUCCEEDED"})
    same(found["executionState"]["status"], "CANCELED", "status in executionState")


@expects("namespace", "A job of a namespace is invisible on the plain topics", "device 3.1", REPORT)
def _(at: Endpoint) -> None:
    thing = at.thing()
    job = at.job([at.thing_arn(thing)], namespaceId="aws-gg-deployment")
    topic = f"{_topics(thing)}/$next/namespace-aws-gg-deployment/get"
    device = at.device()

    def there() -> Any:
        return device.accepted(topic).get("execution")

    same(at.until(there, "the execution on its own topic")["jobId"], job, "jobId")
    absent(device.accepted(f"{_topics(thing)}/$next/get"), ["execution"])


# -- notices ----------------------------------------------------------------------------------------------------------


@expects("first-job", "The first job brings notify and notify-next, with the document", "device 3.10", DOCUMENT)
def _(at: Endpoint) -> None:
    thing = at.thing()
    device = _listening(at, thing)
    job = at.job([at.thing_arn(thing)], document='{"x":1}')
    at.released(thing, job)
    found: dict[str, Message] = {}
    while len(found) < 2:
        message = device.next("notify and notify-next")
        found[message.topic.rpartition("/")[2]] = message
    jobs = found["notify"].body["jobs"]
    same([each["jobId"] for each in jobs.get("QUEUED", [])], [job], "jobs in notify")
    execution = found["notify-next"].body["execution"]
    same((execution["jobId"], execution["jobDocument"]), (job, {"x": 1}), "jobId and document in notify-next")


@expects("second-job", "A job behind another brings notify and no notify-next", "device 3.10", DOCUMENT)
def _(at: Endpoint) -> None:
    _, thing = at.job_of_one()
    device = _listening(at, thing)
    at.released(thing, at.job([at.thing_arn(thing)]))
    same(device.next("notify").topic.rpartition("/")[2], "notify", "notice")
    same(_notices(device, thing, at.name("m")), [], "further notices")


@expects("start-is-silent", "Starting the head of the list brings no notice", "device 3.10", LIVE)
def _(at: Endpoint) -> None:
    _, thing = at.job_of_one()
    device = _listening(at, thing)
    device.accepted(f"{_topics(thing)}/start-next")
    same(_notices(device, thing, at.name("m")), [], "notices")


@expects("progress-is-silent", "A report of progress brings no notice", "device 3.10", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    device = _listening(at, thing)
    for _ in range(2):
        device.accepted(f"{_topics(thing)}/{job}/update", {"status": "IN_PROGRESS", "statusDetails": {"a": "b"}})
    same(_notices(device, thing, at.name("m")), [], "notices")


@expects("end", "The end of the only job brings both notices, empty", "device 3.10", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    device = _listening(at, thing)
    device.accepted(f"{_topics(thing)}/{job}/update", {"status": "SUCCEEDED"})
    found = {message.topic.rpartition("/")[2]: message.body for message in (device.next(), device.next())}
    same(found.get("notify", {}).get("jobs"), {}, "jobs in notify")
    absent(found.get("notify-next", {}), ["execution"])
    holds("notify-next" in found, "notify-next", found)


@expects("end-order", "The answer comes before the notices", "device 3.11", LIVE)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    device = _listening(at, thing)
    device.publish(f"{_topics(thing)}/{job}/update", {"status": "SUCCEEDED"})
    found = [device.next().topic.removeprefix(_topics(thing)) for _ in range(3)]
    same(found, [f"/{job}/update/accepted", "/notify", "/notify-next"], "order")


@expects("overtake", "Starting a job behind the head brings notify-next alone", "device 3.10", DOCUMENT)
def _(at: Endpoint) -> None:
    _, thing = at.job_of_one()
    second = at.job([at.thing_arn(thing)])
    at.released(thing, second)
    device = _listening(at, thing)
    device.accepted(f"{_topics(thing)}/{second}/update", {"status": "IN_PROGRESS"})
    found = device.next("notify-next")
    same((found.topic.rpartition("/")[2], found.body["execution"]["jobId"]), ("notify-next", second), "notice")
    same(_notices(device, thing, at.name("m")), [], "further notices")


@expects("http-notifies", "A report over HTTPS brings the notices, too", "device 4", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    device = _listening(at, thing)
    at.report(thing, job, "SUCCEEDED")
    found = {device.next().topic.rpartition("/")[2] for _ in range(2)}
    same(found, {"notify", "notify-next"}, "notices")


@expects(
    "retry-notifies",
    "A retry brings notify-next with the next executionNumber and a later queuedAt",
    "device 5.4",
    REPORT,
)
def _(at: Endpoint) -> None:
    retries = {"criteriaList": [{"failureType": "FAILED", "numberOfRetries": 1}]}
    job, thing = at.job_of_one(jobExecutionsRetryConfig=retries)
    before = at.data.describe_job_execution(thingName=thing, jobId=job)["execution"]["queuedAt"]
    device = _listening(at, thing)
    device.accepted(f"{_topics(thing)}/{job}/update", {"status": "FAILED"})
    while True:
        message = device.next("notify-next")
        if message.topic.endswith("/notify-next"):
            break
    execution = message.body["execution"]
    holds(execution["executionNumber"] > 1, "a higher executionNumber", execution)
    holds(execution["queuedAt"] > before, f"queuedAt after {before}", execution)


@expects("offline", "A persistent session finds the newest notify-next when it comes back", "device 2.2", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, name = at.thing(), at.name("persistent")
    first = _listening(at, thing, client_id=name, clean=False)
    first.close()
    job = at.job([at.thing_arn(thing)])
    at.released(thing, job)
    again = at.device(client_id=name, clean=False)
    same(again.present, True, "session present")
    while True:
        message = again.next("the stored notify-next")
        if message.topic.endswith("/notify-next"):
            break
    same(message.body["execution"]["jobId"], job, "jobId")


# -- the broker -------------------------------------------------------------------------------------------------------


def _passes(at: Endpoint, filter_: str, topic: str, heard: bool) -> None:
    device, base = at.device(), at.name("t")
    device.subscribe(f"{base}/{filter_}")
    device.publish(f"{base}{topic}", b"x")
    found = [each.topic for each in device.heard(at.name("m"))]
    same(found, [f"{base}{topic}"] if heard else [], "messages")


for _filter, _topic, _heard in (
    ("+", "/a", True),
    ("+", "/a/b", False),
    ("#", "/a", True),
    ("#", "/a/b/c", True),
    ("#", "", False),
    ("a/+/c", "/a/b/c", True),
    ("A", "/a", False),
):
    chapter.expects(
        f"filter-{_filter}-{_topic.strip('/') or 'parent'}",
        f"`t/{_filter}` {'matches' if _heard else 'does not match'} `t{_topic}`",
        "device 2.3",
        DOCUMENT,
    )(partial(_passes, filter_=_filter, topic=_topic, heard=_heard))


@expects("nine-filters", "More than eight filters in one SUBSCRIBE end the connection", "device 2.3", DOCUMENT)
def _(at: Endpoint) -> None:
    device = at.device()
    device.client.subscribe([(f"{at.name()}/{number}", 0) for number in range(9)])
    device._taken(device.ended, "the end of the connection")


@expects("qos-2", "A PUBLISH with QoS 2 is not acknowledged", "device 2.4", DOCUMENT)
def _(at: Endpoint) -> None:
    device = at.device()
    device.client.publish(at.name(), b"x", 2)
    device._taken(device.ended, "DISCONNECT")


@expects("taken-over", "A second connection of a client id ends the first", "device 2.1", DOCUMENT)
def _(at: Endpoint) -> None:
    name = at.name("twin")
    first = at.device(client_id=name)
    at.device(client_id=name)
    device_code = first._taken(first.ended, "the end of the first connection")
    same(device_code, 0x8E, "reason of the DISCONNECT")


@expects("will", "The will of a client that vanishes is published", "device 2.1", DOCUMENT)
def _(at: Endpoint) -> None:
    topic, watcher = at.name("will"), at.device()
    watcher.subscribe(topic)
    at.device(will=(topic, b"gone")).vanish()
    same(watcher.next("the will").payload, b"gone", "payload")


@expects("no-will", "The will of a client that says goodbye is not", "device 2.1", DOCUMENT)
def _(at: Endpoint) -> None:
    topic, watcher = at.name("will"), at.device()
    watcher.subscribe(topic)
    at.device(will=(topic, b"gone")).close()
    same([each.payload for each in watcher.heard(at.name("m"))], [], "messages")


@expects("retained", "A retained message comes to a later subscriber of its topic", "device 2.6", DOCUMENT)
def _(at: Endpoint) -> None:
    topic, device = at.name("retained"), at.device()
    device.publish(topic, b"kept", retain=True)
    other = at.device()
    other.subscribe(topic)
    found = other.next("the retained message")
    device.publish(topic, b"", retain=True)
    same((found.payload, found.retain), (b"kept", True), "payload and flag")


@expects("retained-wildcard", "… and not to a filter with a wildcard", "device 2.6", DOCUMENT)
def _(at: Endpoint) -> None:
    base, device = at.name("retained"), at.device()
    device.publish(f"{base}/a", b"kept", retain=True)
    other = at.device()
    other.subscribe(f"{base}/+")
    found = [each.payload for each in other.heard(at.name("m"))]
    device.publish(f"{base}/a", b"", retain=True)
    same(found, [], "messages")


@expects(
    "connack", "CONNACK tells QoS 1, receive maximum 100, eight aliases, no subscription ids", "device 2.7", DOCUMENT
)
def _(at: Endpoint) -> None:
    found = at.device().properties
    shown = (
        getattr(found, "MaximumQoS", None),
        getattr(found, "ReceiveMaximum", None),
        getattr(found, "TopicAliasMaximum", None),
        getattr(found, "SubscriptionIdentifierAvailable", None),
    )
    same(shown, (1, 100, 8, 0), "properties")


@expects("keep-alive", "A keep alive below 30 s becomes 30", "device 2.1", DOCUMENT)
def _(at: Endpoint) -> None:
    same(getattr(at.device(keep_alive=10).properties, "ServerKeepAlive", None), 30, "Server Keep Alive")


@expects("reserved", "A client cannot publish what only the service says", "device 2.5", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    watcher = _listening(at, thing)
    with suppress(UnmetError):  # the connection may end
        device.publish(f"{_topics(thing)}/notify", {"forged": True})
    same([each.body for each in watcher.heard(at.name("m"))], [], "messages")


# -- shadows ----------------------------------------------------------------------------------------------------------


def _shadow(thing: str) -> str:
    return f"$aws/things/{thing}/shadow"


@expects("shadow-none", "A shadow that does not exist is rejected with 404", "device 9.4", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    device.subscribe(f"{_shadow(thing)}/get/accepted", f"{_shadow(thing)}/get/rejected")
    device.rejected(f"{_shadow(thing)}/get", 404)


@expects("shadow-update", "An update is accepted with the next version and metadata", "device 9.2", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    device.subscribe(f"{_shadow(thing)}/update/accepted", f"{_shadow(thing)}/update/rejected")
    found = device.accepted(f"{_shadow(thing)}/update", {"state": {"reported": {"a": 1}}})
    same((found["version"], found["state"]), (1, {"reported": {"a": 1}}), "version and state")
    holds("a" in found["metadata"]["reported"], "metadata", found)


@expects("shadow-delta", "What is desired and not reported comes as delta", "device 9.2", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    device.subscribe(f"{_shadow(thing)}/update/delta")
    body = {"state": {"desired": {"a": 1, "b": 2}, "reported": {"a": 1}}}
    device.publish(f"{_shadow(thing)}/update", body)
    same(device.next("the delta").body["state"], {"b": 2}, "state")


@expects("shadow-version", "An update with another version is rejected with 409", "device 9.4", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    device.subscribe(f"{_shadow(thing)}/update/accepted", f"{_shadow(thing)}/update/rejected")
    device.accepted(f"{_shadow(thing)}/update", {"state": {"reported": {"a": 1}}})
    device.rejected(f"{_shadow(thing)}/update", 409, {"state": {"reported": {"a": 2}}, "version": 9})


@expects("shadow-null", "null takes a key away", "device 9.2", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    device.subscribe(*(f"{_shadow(thing)}/{topic}/accepted" for topic in ("update", "get")))
    for state in ({"a": 1, "b": 2}, {"a": None}):
        device.accepted(f"{_shadow(thing)}/update", {"state": {"reported": state}})
    same(device.accepted(f"{_shadow(thing)}/get")["state"]["reported"], {"b": 2}, "reported")


@expects("shadow-version-survives", "A deleted shadow goes on counting when it is made again", "device 9.3", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    device.subscribe(*(f"{_shadow(thing)}/{topic}/accepted" for topic in ("update", "delete")))
    first = device.accepted(f"{_shadow(thing)}/update", {"state": {"reported": {"a": 1}}})["version"]
    device.accepted(f"{_shadow(thing)}/delete", b"")
    again = device.accepted(f"{_shadow(thing)}/update", {"state": {"reported": {"a": 1}}})["version"]
    holds(again > first, f"a version above {first}", again)
