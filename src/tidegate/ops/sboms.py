"""Bills of materials of package versions (control reference 16.4).

An archive is fetched and looked into before the transaction, on a thread, a few at a time; the transaction writes down
what was found. AWS answers the association while it still looks: here nobody can ask in between.
"""

from __future__ import annotations

import threading

from tidegate.core import sbom, texts
from tidegate.core.location import Fault, Location, ObjectFaultError
from tidegate.core.sbom import Finding
from tidegate.ops import idempotency, package_versions, packages, paging
from tidegate.ops.call import Call
from tidegate.ops.handler import Handlers, Prepared, Read, Write
from tidegate.store import package_versions as stored
from tidegate.store.database import Tx
from tidegate.store.package_versions import SbomResult
from tidegate.wire import iot, jsontext

_LONGEST = {"bucket name": 255, "key name": 1024, "object version": 1024}
"""Characters (S3's own limits)."""
_AT_ONCE = threading.BoundedSemaphore(4)
"""Each takes an archive's and a file's memory, some twelve megabytes."""

_FAULTS = {
    Fault.MISSING: texts.packages.SBOM_NOT_FOUND,
    Fault.DENIED: texts.packages.SBOM_NOT_FOUND,
    Fault.TOO_LARGE: texts.packages.SBOM_TOO_LARGE,
    Fault.UNREACHABLE: texts.packages.SBOM_UNREACHABLE,
}


def prepare(call: Call, request: iot.AssociateSbomWithPackageVersionRequest, _found: None) -> list[Finding]:
    """Fetch the archive and look into it. Blocks.

    Raises:
        ValidationException: the reference is not complete, or the object cannot be had.
        ServiceQuotaExceededException: too many are being looked into.
        AccessDeniedException: the caller may not read the archive itself.
    """
    place = _place(request.sbom)
    if call.objects is None:
        raise iot.ValidationException(texts.packages.SBOM_UNREACHABLE)
    call.require("s3:GetObjectVersion", place.bucket, place.key)  # its files' names are told
    if not call.objects.open_to(call.account, place.bucket):
        raise iot.ValidationException(texts.packages.SBOM_NOT_FOUND)
    if not _AT_ONCE.acquire(blocking=False):
        raise iot.ServiceQuotaExceededException(texts.packages.SBOM_TOO_MANY)
    try:
        return sbom.inspect(call.objects.fetch(place, limit=sbom.MAX_ARCHIVE), place.key)
    except ObjectFaultError as error:
        raise iot.ValidationException(_FAULTS[error.fault]) from None
    finally:
        _AT_ONCE.release()


def _place(given: iot.Sbom | None) -> Location:
    place = given.s3_location if given else None
    if place is None:
        raise iot.ValidationException(texts.packages.SBOM_MISSING)
    parts = {"bucket name": place.bucket, "key name": place.key, "object version": place.version}
    wrong = [texts.packages.sbom_part_missing(part) for part, value in parts.items() if not value]
    wrong += [
        texts.packages.sbom_part_too_long(part) for part, value in parts.items() if len(value or "") > _LONGEST[part]
    ]
    if wrong:
        raise iot.ValidationException(" ".join(wrong))
    return Location(place.bucket or "", place.key or "", place.version)


def associate_sbom_with_package_version(
    tx: Tx, call: Call, request: iot.AssociateSbomWithPackageVersionRequest, found: list[Finding]
) -> iot.AssociateSbomWithPackageVersionResponse:
    """Give a version, in any status, a bill of materials in the place of the one it has.

    Raises:
        ResourceNotFoundException: no such package or version.
    """

    def run(tx: Tx, call: Call, request: iot.AssociateSbomWithPackageVersionRequest) -> _Associated:
        return _associate(tx, call, request, found)

    once = idempotency.once(iot.AssociateSbomWithPackageVersionResponse, run, conflict=iot.ConflictException)
    return once(tx, call, request)


_Associated = iot.AssociateSbomWithPackageVersionResponse


def _associate(
    tx: Tx, call: Call, request: iot.AssociateSbomWithPackageVersionRequest, found: list[Finding]
) -> _Associated:
    version = package_versions.found(tx, call, request.package_name, request.version_name)
    status = _outcome(any(finding.error_code for finding in found))
    stored.update(tx, version._replace(sbom=jsontext.to_json(request.sbom), sbom_status=status), call.now)
    results = [
        SbomResult(number, each.file_name, _outcome(each.error_code), each.error_code, each.error_message)
        for number, each in enumerate(found, 1)
    ]
    stored.put_sbom_results(tx, version.id, results)
    return _Associated(
        package_name=request.package_name,
        version_name=version.name,
        sbom=request.sbom,
        sbom_validation_status="IN_PROGRESS",  # as AWS answers; whoever asks next is told the outcome
    )


def _outcome(error: object) -> str:
    return "FAILED" if error else "SUCCEEDED"


def disassociate_sbom_from_package_version(
    tx: Tx, call: Call, request: iot.DisassociateSbomFromPackageVersionRequest
) -> iot.DisassociateSbomFromPackageVersionResponse:
    """Take a version's bill of materials away.

    Raises:
        ResourceNotFoundException: no such package or version, or it has none.
    """
    version = package_versions.found(tx, call, request.package_name, request.version_name)
    if version.sbom is None:
        message = texts.packages.sbom_missing(request.package_name, version.name)
        raise iot.ResourceNotFoundException(message)
    stored.update(tx, version._replace(sbom=None, sbom_status=None), call.now)
    stored.put_sbom_results(tx, version.id, [])
    return iot.DisassociateSbomFromPackageVersionResponse()


def list_sbom_validation_results(
    tx: Tx, call: Call, request: iot.ListSbomValidationResultsRequest
) -> iot.ListSbomValidationResultsResponse:
    """What was found of each file of a version's bill of materials, in the archive's order.

    Raises:
        ResourceNotFoundException: no such package or version.
    """
    version = package_versions.found(tx, call, request.package_name, request.version_name)
    listing = ("ListSbomValidationResults", call.scope, version.id, request.validation_result)
    size = request.max_results or packages.LARGEST_PAGE
    where = paging.page(listing, token=request.next_token, size=size, start=[0], error=iot.ValidationException)
    rows = stored.sbom_results(tx, version.id, request.validation_result, int(where.position[0]), where.size + 1)
    return iot.ListSbomValidationResultsResponse(
        validation_result_summaries=[
            iot.SbomValidationResultSummary(
                file_name=row.file_name,
                validation_result=row.result,
                error_code=row.error_code,
                error_message=row.error_message,
            )
            for row in rows[: where.size]
        ],
        next_token=paging.following(listing, rows, where.size, lambda row: [row.position]),
    )


HANDLERS: Handlers = {
    ("iot", "AssociateSbomWithPackageVersion"): Prepared(associate_sbom_with_package_version, prepare=prepare),
    ("iot", "DisassociateSbomFromPackageVersion"): Write(
        idempotency.once(iot.DisassociateSbomFromPackageVersionResponse, disassociate_sbom_from_package_version)
    ),
    ("iot", "ListSbomValidationResults"): Read(list_sbom_validation_results),
}
