"""The devices' plane over MQTT: jobs and their notices."""

from __future__ import annotations

from typing import Any

from tidegate.conformance.assertions import absent, holds, same
from tidegate.conformance.device import Device, Message
from tidegate.conformance.endpoint import Endpoint
from tidegate.conformance.expectation import DOCUMENT, LIVE, MODEL, REPORT, Chapter

chapter = Chapter("mqtt")
expects = chapter.expects


def topics(thing: str) -> str:
    """What the topics of a thing's jobs begin with."""
    return f"$aws/things/{thing}/jobs"


def listening(at: Endpoint, thing: str, **how: Any) -> Device:
    """A device that has subscribed to both notices of a thing."""
    device = at.device(**how)
    device.subscribe(f"{topics(thing)}/notify", f"{topics(thing)}/notify-next")
    return device


def notices(device: Device, thing: str, marker: str) -> list[str]:
    """The kinds of notices that have come so far."""
    return [each.topic.rpartition("/")[2] for each in device.heard(marker) if each.topic.startswith(topics(thing))]


# -- requests ---------------------------------------------------------------------------------------------------------


@expects("unsubscribed", "An answer reaches the client that asked, subscribed or not", "device 3.3", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    device.accepted(f"{topics(thing)}/get")


@expects("nobody-else", "Nobody else gets an answer, whatever they have subscribed to", "device 3.3", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device, other = at.thing(), at.device(), at.device()
    other.subscribe(f"{topics(thing)}/#")
    device.accepted(f"{topics(thing)}/get")
    found = [each.topic for each in other.heard(at.name("marker")) if each.topic.endswith("/accepted")]
    same(found, [], "answers at another client")


@expects("one-copy", "A client that has subscribed to its answer gets one copy", "device 3.3", REPORT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    device.subscribe(f"{topics(thing)}/get/accepted", f"{topics(thing)}/#")
    device.accepted(f"{topics(thing)}/get")
    found = [each.topic for each in device.heard(at.name("marker")) if each.topic.endswith("/get/accepted")]
    same(found, [], "further copies")


@expects("get-empty", "GetPending of an idle thing is accepted with two empty lists", "device 3.4", LIVE)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    found = device.accepted(f"{topics(thing)}/get")
    same((found.get("inProgressJobs"), found.get("queuedJobs")), ([], []), "lists")
    holds(isinstance(found.get("timestamp"), int), "a timestamp in whole seconds", found)


@expects("token", "clientToken comes back on accepted", "device 3.3", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    token = device.token()
    same(device.accepted(f"{topics(thing)}/get", {"clientToken": token}).get("clientToken"), token, "clientToken")
    absent(device.accepted(f"{topics(thing)}/get"), ["clientToken"])


@expects("token-rejected", "… and on rejected", "device 3.8", DOCUMENT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    token = device.token()
    found = device.rejected(f"{topics(thing)}/none/update", "InvalidRequest", {"clientToken": token})
    same(found.get("clientToken"), token, "clientToken")


@expects("empty-payload", "An empty payload is as `{}`", "device 3.3", REPORT)
def _(at: Endpoint) -> None:
    thing, device = at.thing(), at.device()
    device.accepted(f"{topics(thing)}/start-next", b"")


@expects("start-next", "start-next answers with the whole execution, its document as JSON", "device 3.5", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one(document='{"do":{"it":[1,2]}}')
    found = at.device().accepted(f"{topics(thing)}/start-next")["execution"]
    shown = (found["jobId"], found["status"], found["versionNumber"], found["jobDocument"])
    same(shown, (job, "IN_PROGRESS", 2, {"do": {"it": [1, 2]}}), "jobId, status, version, document")
    holds(isinstance(found["queuedAt"], int) and isinstance(found["startedAt"], int), "times in whole seconds", found)


@expects("start-next-empty", "start-next with nothing pending is accepted without execution", "device 3.5", DOCUMENT)
def _(at: Endpoint) -> None:
    thing = at.thing()
    absent(at.device().accepted(f"{topics(thing)}/start-next"), ["execution"])


@expects(
    "start-next-again", "A second start-next returns the same execution, version unchanged", "device 3.5", DOCUMENT
)
def _(at: Endpoint) -> None:
    _, thing = at.job_of_one()
    device = at.device()
    found = [device.accepted(f"{topics(thing)}/start-next")["execution"]["versionNumber"] for _ in range(2)]
    same(found, [2, 2], "versions")


@expects("next-get", "`$next/get` answers on `$next/get/accepted`", "device 3.6", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    found = at.device().accepted(f"{topics(thing)}/$next/get")
    same(found["execution"]["jobId"], job, "jobId")


@expects("next-get-empty", "`$next/get` with nothing pending is accepted without execution", "device 3.6", LIVE)
def _(at: Endpoint) -> None:
    thing = at.thing()
    absent(at.device().accepted(f"{topics(thing)}/$next/get"), ["execution"])


@expects("describe", "A job's `get` has its execution; without document when it is not wanted", "device 3.6", MODEL)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one(document='{"x":1}')
    device, topic = at.device(), f"{topics(thing)}/{job}/get"
    same(device.accepted(topic)["execution"]["jobDocument"], {"x": 1}, "jobDocument")
    absent(device.accepted(topic, {"includeJobDocument": False})["execution"], ["jobDocument"])


@expects("update", "update is accepted with timestamp and token only", "device 3.7", LIVE)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    body = {"status": "IN_PROGRESS", "clientToken": "t"}
    found = at.device().accepted(f"{topics(thing)}/{job}/update", body)
    same(sorted(found), ["clientToken", "timestamp"], "members")


@expects("update-state", "update tells the state after it when asked", "device 3.7", MODEL)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    body = {"status": "IN_PROGRESS", "includeJobExecutionState": True, "statusDetails": {"a": "b"}}
    found = at.device().accepted(f"{topics(thing)}/{job}/update", body)
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
    found = at.device().rejected(f"{topics(thing)}/{job}/update", "InvalidRequest", {})
    holds(
        "Value null at 'status' failed to satisfy constraint: Member must not be null" in found["message"], "it", found
    )


@expects("version-mismatch", "Another expectedVersion is VersionMismatch, with the state", "device 3.8", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    body = {"status": "IN_PROGRESS", "expectedVersion": 99}
    found = at.device().rejected(f"{topics(thing)}/{job}/update", "VersionMismatch", body)
    same(found.get("executionState"), {"status": "QUEUED", "versionNumber": 1}, "executionState")


@expects("version-as-text", "expectedVersion may be a numeric string", "device 3.7", REPORT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    device = at.device()
    device.accepted(f"{topics(thing)}/{job}/update", {"status": "IN_PROGRESS", "expectedVersion": "1"})
    device.rejected(f"{topics(thing)}/{job}/update", "VersionMismatch", {"status": "SUCCEEDED", "expectedVersion": "1"})


@expects("terminal", "update of what has ended is InvalidStateTransition, with the state", "device 3.8", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    device = at.device()
    device.accepted(f"{topics(thing)}/{job}/update", {"status": "SUCCEEDED"})
    found = device.rejected(f"{topics(thing)}/{job}/update", "InvalidStateTransition", {"status": "IN_PROGRESS"})
    same(found["executionState"]["status"], "SUCCEEDED", "status in executionState")


@expects("not-json", "What is not JSON is InvalidJson", "device 3.8", DOCUMENT)
def _(at: Endpoint) -> None:
    thing = at.thing()
    at.device().rejected(f"{topics(thing)}/get", "InvalidJson", b"{no json")


@expects("unknown-job", "update of an unknown job is ResourceNotFound", "device 3.8", DOCUMENT)
def _(at: Endpoint) -> None:
    thing = at.thing()
    at.device().rejected(f"{topics(thing)}/nothing/update", "ResourceNotFound", {"status": "SUCCEEDED"})


@expects("invalid-topic", "A topic that is none is InvalidTopic", "device 3.8", DOCUMENT)
def _(at: Endpoint) -> None:
    thing = at.thing()
    at.device().rejected(f"{topics(thing)}/nonsense", "InvalidTopic", {})


@expects(
    "forced-cancel",
    "A device whose execution was cancelled by force is told by its next update",
    "device 5.3",
    DOCUMENT,
)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    device = at.device()
    device.accepted(f"{topics(thing)}/start-next")
    at.ask("iot", "CancelJobExecution", jobId=job, thingName=thing, force=True)
    found = device.rejected(f"{topics(thing)}/{job}/update", "InvalidStateTransition", {"status": "SUCCEEDED"})
    same(found["executionState"]["status"], "CANCELED", "status in executionState")


@expects("namespace", "A job of a namespace is invisible on the plain topics", "device 3.1", REPORT)
def _(at: Endpoint) -> None:
    thing = at.thing()
    job = at.job([at.thing_arn(thing)], namespaceId="aws-gg-deployment")
    topic = f"{topics(thing)}/$next/namespace-aws-gg-deployment/get"
    device = at.device()

    def there() -> Any:
        return device.accepted(topic).get("execution")

    same(at.until(there, "the execution on its own topic")["jobId"], job, "jobId")
    absent(device.accepted(f"{topics(thing)}/$next/get"), ["execution"])


# -- notices ----------------------------------------------------------------------------------------------------------


@expects("first-job", "The first job brings notify and notify-next, with the document", "device 3.10", DOCUMENT)
def _(at: Endpoint) -> None:
    thing = at.thing()
    device = listening(at, thing)
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
    device = listening(at, thing)
    at.released(thing, at.job([at.thing_arn(thing)]))
    same(device.next("notify").topic.rpartition("/")[2], "notify", "notice")
    same(notices(device, thing, at.name("m")), [], "further notices")


@expects("start-is-silent", "Starting the head of the list brings no notice", "device 3.10", LIVE)
def _(at: Endpoint) -> None:
    _, thing = at.job_of_one()
    device = listening(at, thing)
    device.accepted(f"{topics(thing)}/start-next")
    same(notices(device, thing, at.name("m")), [], "notices")


@expects("progress-is-silent", "A report of progress brings no notice", "device 3.10", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    device = listening(at, thing)
    for _ in range(2):
        device.accepted(f"{topics(thing)}/{job}/update", {"status": "IN_PROGRESS", "statusDetails": {"a": "b"}})
    same(notices(device, thing, at.name("m")), [], "notices")


@expects("end", "The end of the only job brings both notices, empty", "device 3.10", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    device = listening(at, thing)
    device.accepted(f"{topics(thing)}/{job}/update", {"status": "SUCCEEDED"})
    found = {message.topic.rpartition("/")[2]: message.body for message in (device.next(), device.next())}
    same(found.get("notify", {}).get("jobs"), {}, "jobs in notify")
    absent(found.get("notify-next", {}), ["execution"])
    holds("notify-next" in found, "notify-next", found)


@expects("end-order", "The answer comes before the notices", "device 3.11", LIVE)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    device = listening(at, thing)
    device.publish(f"{topics(thing)}/{job}/update", {"status": "SUCCEEDED"})
    found = [device.next().topic.removeprefix(topics(thing)) for _ in range(3)]
    same(found, [f"/{job}/update/accepted", "/notify", "/notify-next"], "order")


@expects("overtake", "Starting a job behind the head brings notify-next alone", "device 3.10", DOCUMENT)
def _(at: Endpoint) -> None:
    _, thing = at.job_of_one()
    second = at.job([at.thing_arn(thing)])
    at.released(thing, second)
    device = listening(at, thing)
    device.accepted(f"{topics(thing)}/{second}/update", {"status": "IN_PROGRESS"})
    found = device.next("notify-next")
    same((found.topic.rpartition("/")[2], found.body["execution"]["jobId"]), ("notify-next", second), "notice")
    same(notices(device, thing, at.name("m")), [], "further notices")


@expects("http-notifies", "A report over HTTPS brings the notices, too", "device 4", DOCUMENT)
def _(at: Endpoint) -> None:
    job, thing = at.job_of_one()
    device = listening(at, thing)
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
    device = listening(at, thing)
    device.accepted(f"{topics(thing)}/{job}/update", {"status": "FAILED"})
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
    first = listening(at, thing, client_id=name, clean=False)
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
