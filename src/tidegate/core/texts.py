"""Every sentence the service says about a request that is well formed and still wrong.

One module, so that a capture from the live service replaces a sentence in one place. Each names its evidence:

* [D] printed in AWS's documents;
* [third hand] given by another implementation that says it compares with the live service: better than a guess;
* [R] ours: AWS's sentence is not known. It names the member, the value and the limit.

Not here: the sentences of shape constraints ("1 validation error detected: ..."): ``wire`` derives them from the model.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Final

# --- documents and their source (control reference 3.2, 5.1, 6.1) ---------------------------------------------------

JOB_WITHOUT_DOCUMENT: Final = "document is required if you do not specify a value for documentSource"
"""[third hand] CreateJob."""

TEMPLATE_WITHOUT_DOCUMENT: Final = "Neither job document nor job document source is specified."
"""[third hand] CreateJobTemplate."""

DOCUMENT_AND_SOURCE: Final = "Job document and job document source cannot be specified at the same time."
"""[third hand] CreateJob and CreateJobTemplate."""

INPUT: Final = "request input"
"""[third hand] Where a document given inline is said to be located."""

DOCUMENT_PARAMETERS_NEED_MANAGED: Final = "Document parameters are only supported for managed job templates."
"""Reported by users of the live service."""


def document_invalid(location: str = INPUT) -> str:
    """[third hand] A document that is no JSON; ``location`` is the URL of a fetched one ([R])."""
    return f"Job document located at {location} is an invalid JSON document."


def document_too_long(size: int, limit: int) -> str:
    """[R] ``size`` and ``limit`` in bytes of UTF-8."""
    return f"Job document of {size} bytes is longer than the limit of {limit} bytes."


def document_too_deep(limit: int) -> str:
    """[R] A document no device could parse."""
    return f"Job document is nested deeper than {limit} levels."


def document_source_invalid(source: str) -> str:
    """[R]"""
    return f"Job document source {source} is not a valid S3 URL."


def document_source_too_long(length: int, limit: int) -> str:
    """[R]"""
    return f"Job document source of {length} characters is longer than the limit of {limit} characters."


# --- timeouts (12) --------------------------------------------------------------------------------------------------

TIMEOUT_ZERO: Final = "Provide valid timeout value, inProgressTimeoutInMinutes cannot be 0."
"""[third hand]"""


def timeout_out_of_range(member: str, minutes: int, least: int, most: int) -> str:
    """[R] The in-progress and the step timer."""
    return f"Provide valid timeout value, {member} must be between {least} and {most}, not {minutes}."


# --- rollout and abort (2.1, 9, 10) ---------------------------------------------------------------------------------


def rate_above_limit(member: str, per_minute: int, limit: int) -> str:
    """[R] ``maximumPerMinute`` or ``baseRatePerMinute`` beyond what the server allows."""
    return f"{member} must be at most {limit}, not {per_minute}."


def too_many_digits(member: str, value: Decimal, most: int) -> str:
    """[R]"""
    digits = "digit" if most == 1 else "digits"
    return f"{member} can have at most {most} {digits} after the decimal point: {value}."


RATE_WITHOUT_CRITERION: Final = "rateIncreaseCriteria needs numberOfNotifiedThings or numberOfSucceededThings."
"""[R]"""


def threshold_not_positive(value: Decimal) -> str:
    """[R]"""
    return f"thresholdPercentage must be greater than 0, not {value}."


# --- retries (11) ---------------------------------------------------------------------------------------------------

RETRIES_ONLY_TO_ZERO: Final = "The number of retries cannot be updated to any number other than 0."
"""[third hand] UpdateJob."""

RETRY_ALL_WITH_OTHERS: Final = "Retry criteria for failure type ALL cannot be combined with other failure types."
"""[R]"""


def retry_duplicate(failure_type: str) -> str:
    """[R]"""
    return f"Failure type {failure_type} appears more than once in the retry criteria."


def retries_above_limit(total: int, limit: int) -> str:
    """[R]"""
    return f"The total number of retries must be at most {limit}, not {total}."


# --- scheduling (8) -------------------------------------------------------------------------------------------------


def time_invalid(member: str, text: str) -> str:
    """[R]"""
    return f"{member} {text} is not a valid time. Use the format YYYY-MM-DD HH:MM (UTC)."


def time_too_early(member: str, text: str, minutes: int) -> str:
    """[R]"""
    return f"{member} {text} must be at least {minutes} minutes from now."


def time_too_late(member: str, text: str, years: int) -> str:
    """[R]"""
    return f"{member} {text} must be at most {_years(years)} from now."


def times_too_close(minutes: int) -> str:
    """[R]"""
    return f"endTime must be at least {minutes} minutes after startTime."


def times_too_far_apart(years: int) -> str:
    """[R]"""
    return f"endTime must be at most {_years(years)} after startTime."


WINDOWS_NEED_CONTINUOUS: Final = "Maintenance windows are only supported for continuous jobs."
"""[R] for the rule [D]."""


def window_invalid(expression: str, reason: str) -> str:
    """[R] ``reason`` is one of the cron sentences below."""
    return f"Invalid cron expression {expression}: {reason}"


def window_duration(minutes: int, least: int, most: int) -> str:
    """[R]"""
    return f"durationInMinutes must be between {least} and {most}, not {minutes}."


def cron_field_count(count: int) -> str:
    """[R]"""
    return (
        f"it must have six fields (minutes, hours, day-of-month, month, day-of-week, year), "
        f"or seven led by seconds, not {count}."
    )


def cron_field(field: str, text: str, reason: str) -> str:
    """[R] ``reason`` is one of the clauses below."""
    return f"{field} {text}: {reason}."


# All sentences and clauses about cron are [R].
CRON_WRAPPER: Final = "the closing parenthesis of cron(...) is missing."
CRON_BOTH_DAYS: Final = "one of day-of-month and day-of-week must be ?, because the other is not."
CRON_NO_DAYS: Final = "only one of day-of-month and day-of-week can be ?."

CRON_EMPTY: Final = "a value is missing"
CRON_QUESTION_ALONE: Final = "? must stand alone"
CRON_SECONDS: Final = "seconds must be a single value from 0 to 59"
CRON_RANGE_BACKWARDS: Final = "the range ends before it begins"
CRON_HASH_ALONE: Final = "# allows only one expression in the field"
CRON_HASH_RANGE: Final = "the number after # must be from 1 to 5"


def cron_not_a_value(text: str) -> str:
    """[R]"""
    return f"{text} is not a value of this field"


def cron_out_of_range(least: int, most: int) -> str:
    """[R]"""
    return f"values must be from {least} to {most}"


def cron_step(most: int) -> str:
    """[R]"""
    return f"the increment must be from 1 to {most}"


def _years(count: int) -> str:
    return "1 year" if count == 1 else f"{count} years"


# --- package versions and tags (16.3, 19) ---------------------------------------------------------------------------


def too_many_package_versions(count: int, limit: int) -> str:
    """[R]"""
    return f"destinationPackageVersions can have at most {limit} elements, not {count}."


def package_version_invalid(arn: str) -> str:
    """[R]"""
    return f"{arn} is not the ARN of a package version."


def package_twice(name: str) -> str:
    """[R]"""
    return f"destinationPackageVersions names package {name} more than once."


def tags_duplicate(keys: Iterable[str]) -> str:
    """[R]"""
    return f"Duplicate tag keys: {', '.join(keys)}."


def tag_reserved(key: str) -> str:
    """[R]"""
    return f"Tag key {key} begins with aws:, which is reserved."


# --- what exists and what does not (third hand, all of them) --------------------------------------------------------


def job_exists(job_id: str) -> str:
    """[third hand] CreateJob."""
    return f"Job {job_id} already exists"


def template_exists(template_id: str) -> str:
    """[third hand] CreateJobTemplate."""
    return f"Job Template {template_id} already exists."


def thing_missing(thing_name: str) -> str:
    """[third hand] A target of CreateJob."""
    return f"Thing {thing_name} cannot be found."


def template_missing(template_id: str) -> str:
    """[third hand]"""
    return f"Job Template {template_id} cannot be found."


def job_missing(job_id: str) -> str:
    """[third hand], also reported by users of the live service."""
    return f"Job {job_id} cannot be found."


def execution_of_missing_job(job_id: str) -> str:
    """[third hand] DescribeJobExecution on the control plane."""
    return f"Job execution cannot be found as the Job {job_id} does not exist."


def execution_missing(thing_name: str, job_id: str) -> str:
    """[third hand] DescribeJobExecution on the control plane."""
    return f"Job execution for thing {thing_name} cannot be found within job {job_id}."


def device_execution_missing(thing_name: str, job_id: str) -> str:
    """[third hand] DescribeJobExecution on the device plane."""
    return f"Job {job_id} not found for {thing_name}"


# --- what a state does not allow (third hand, all of them) ----------------------------------------------------------


def job_not_deletable(job_id: str, status: str) -> str:
    """[third hand] DeleteJob without force."""
    return f"Job {job_id} is in status {status} and cannot be deleted without force"


def job_not_cancelable(job_id: str, status: str) -> str:
    """[third hand] CancelJob."""
    return f"Job {job_id} is in status {status} and cannot be canceled"


def job_not_updatable(job_id: str, status: str) -> str:
    """[third hand] UpdateJob."""
    return f"Job {job_id} in status {status} cannot be updated."


EXECUTION_NEEDS_FORCE: Final = "Job execution is IN_PROGRESS and cannot be canceled without force"
"""[third hand] CancelJobExecution."""


def execution_not_cancelable(thing_name: str, job_id: str) -> str:
    """[third hand] CancelJobExecution of a terminal execution."""
    return f"Job execution for thing {thing_name} within job {job_id} cannot be canceled."


DEVICE_TERMINAL: Final = "Job Execution has reached terminal state. It is neither IN_PROGRESS nor QUEUED"
"""[third hand] DescribeJobExecution on the device plane."""


def device_version_mismatch(expected: int, found: int) -> str:
    """[third hand] UpdateJobExecution."""
    return f"Expected version {expected} but found version {found}"


def device_status_not_allowed(status: str) -> str:
    """[third hand] UpdateJobExecution to a status that only the service sets."""
    return f"The status of job execution cannot be changed to be {status}"


def device_already_finished(thing_name: str, job_id: str, status: str) -> str:
    """[third hand] UpdateJobExecution of a terminal execution."""
    return f"Job {job_id} for {thing_name} has already finished with status {status}"


# --- what a request names ([R], all of them) ------------------------------------------------------------------------


def not_a_job_arn(text: str) -> str:
    """[R] ``jobArn`` of CreateJobTemplate."""
    return f"{text} is not the ARN of a job of this account and region."


def not_a_template_arn(text: str) -> str:
    """[R] ``jobTemplateArn`` of CreateJob."""
    return f"{text} is not the ARN of a job template of this account and region."


def not_a_target(text: str) -> str:
    """[R] ``targets`` of CreateJob."""
    return f"{text} is not the ARN of a thing or thing group of this account and region."


def group_missing(name: str) -> str:
    """[R] after the text for things."""
    return f"Thing group {name} cannot be found."


def package_version_missing(version_arn: str) -> str:
    """[R] ``destinationPackageVersions``."""
    return f"Package version {version_arn} cannot be found."


def document_source_unreachable(source: str) -> str:
    """[R] No object storage is configured that the document could be read from."""
    return f"Job document source {source} cannot be read: this server has no object storage."


def limit_exceeded(what: str, limit: int) -> str:
    """[R] Every quota."""
    return f"The limit of {limit} {what} is reached."


def too_many_details(count: int, limit: int) -> str:
    """[R] ``statusDetails``."""
    return f"statusDetails has {count} entries, more than the limit of {limit}."


def version_conflict(expected: int, found: int) -> str:
    """[R] CancelJobExecution, after the text of the device plane."""
    return f"Expected version {expected} but found version {found}"


# --- things (control reference 17.1) --------------------------------------------------------------------------------


ATTRIBUTE_VALUE_ALONE: Final = "attributeValue can only be specified together with attributeName"
"""[R] ListThings."""


ATTRIBUTE_AND_TYPE: Final = "Listing things by the combination of attribute and thing type is not supported"
"""[O] ListThings."""


TYPE_SET_AND_REMOVED: Final = "thingTypeName cannot be specified when removeThingType is true"
"""[R] UpdateThing."""


def thing_type_missing(name: str) -> str:
    """[R] after the text for things."""
    return f"Thing type {name} cannot be found."


def billing_group_missing(name: str) -> str:
    """[R] after the text for things."""
    return f"Billing group {name} cannot be found."


def thing_exists(name: str) -> str:
    """[R] after the text for groups."""
    return f"Thing {name} already exists in current account with different properties"


def thing_version_differs(name: str) -> str:
    """[O]"""
    return f"The version for thing {name} does not match the expected version."


def thing_has_principals(name: str) -> str:
    """[O] DeleteThing."""
    return f"Cannot delete. Thing {name} is still attached to one or more principals"


def too_many_attributes(owner: str, limit: int) -> str:
    """[R] ``owner`` is the thing or group, named."""
    return f"{owner} cannot have more than {limit} attributes"


# --- thing groups (17.3) --------------------------------------------------------------------------------------------


GROUP_UNNAMED: Final = " Both thingGroupArn and thingGroupName are empty. Need to specify at least one of them"
"""[O] with its leading space."""


GROUP_NAMED_TWICE: Final = "ThingGroupName thingGroupArn does not match specified thingGroupName in request"
"""[O] Name and ARN are of different groups."""


THING_UNNAMED: Final = " Both thingArn and thingName are empty. Need to specify at least one of them"
"""[R] after the text for groups."""


THING_NAMED_TWICE: Final = "ThingName thingArn does not match specified thingName in request"
"""[R] after the text for groups."""


def not_an_arn_of(kind: str, text: str) -> str:
    """[R] ``kind`` is what the member names: a thing or a thing group."""
    return f"{text} is not the ARN of a {kind} of this account and region."


def group_exists(name: str) -> str:
    """[O]"""
    return f"Thing Group {name} already exists in current account with different properties"


def group_version_differs(name: str) -> str:
    """[R] after the text for things."""
    return f"The version for thing group {name} does not match the expected version."


def group_has_children(name: str) -> str:
    """[O] DeleteThingGroup."""
    return f"Cannot delete thing group : {name} when there are still child groups attached to it"


def group_too_deep(name: str, limit: int) -> str:
    """[R]"""
    return f"Thing group {name} would be deeper than {limit} levels"


def too_many_children(name: str, limit: int) -> str:
    """[R] ``name`` is the parent's."""
    return f"Thing group {name} cannot have more than {limit} direct child groups"


def thing_in_hierarchy(thing_name: str, name: str) -> str:
    """[R] ``name`` is the group's that the thing was to join."""
    return f"Thing {thing_name} already belongs to a thing group of the same hierarchy as {name}"


def thing_in_too_many_groups(thing_name: str, limit: int) -> str:
    """[R]"""
    return f"Thing {thing_name} cannot be in more than {limit} thing groups"


# --- tags (19) ------------------------------------------------------------------------------------------------------


def too_many_tags(limit: int) -> str:
    """[R]"""
    return f"A resource cannot have more than {limit} tags"


# --- documents and their source (control reference 3.2, 5.1, 6.1) ---------------------------------------------------


# --- timeouts (12) --------------------------------------------------------------------------------------------------


# --- rollout and abort (2.1, 9, 10) ---------------------------------------------------------------------------------


# --- retries (11) ---------------------------------------------------------------------------------------------------


# --- scheduling (8) -------------------------------------------------------------------------------------------------


# --- package versions and tags (16.3, 19) ---------------------------------------------------------------------------


# --- what exists and what does not (third hand, all of them) --------------------------------------------------------


# --- what a state does not allow (third hand, all of them) ----------------------------------------------------------


# --- what a request names ([R], all of them) ------------------------------------------------------------------------


# --- certificates and what they are attached to (device reference 8.4, 8.5) -----------------------------------------


CERTIFICATE_EXISTS: Final = "The certificate is already provisioned or registered"
"""Reported by users of the live service. RegisterCertificateWithoutCA."""


CERTIFICATE_UNREADABLE: Final = "certificatePem is not an X.509 certificate in PEM format."
"""[R]"""


CERTIFICATE_AUTHORITY_MISSING: Final = "This server has no certificate authority."
"""[R] CreateKeysAndCertificate."""


NOT_A_CERTIFICATE_ARN: Final = "The given ARN does not represent a cert"
"""Reported by users of the live service. A principal that is something else."""


def certificate_missing(certificate_id: str) -> str:
    """[R] after the text for things."""
    return f"Certificate {certificate_id} cannot be found."


def certificate_status_internal(status: str) -> str:
    """[R] RegisterCertificateWithoutCA and UpdateCertificate."""
    return f"Status {status} is set by the service only."


def certificate_active(certificate_id: str) -> str:
    """Reported by users of the live service. DeleteCertificate."""
    return f"Certificate must be deactivated (not ACTIVE) before deletion. Id: {certificate_id}"


def certificate_has_things(certificate_arn: str) -> str:
    """[R] after the text for policies."""
    return f"Things must be detached before deletion (arn: {certificate_arn})"


def certificate_has_policies(certificate_arn: str) -> str:
    """Reported by users of the live service. DeleteCertificate."""
    return f"Certificate policies must be detached before deletion (arn: {certificate_arn})"


def attached_exclusively(certificate_arn: str, thing_name: str) -> str:
    """[R] AttachThingPrincipal to a second thing."""
    return f"Principal {certificate_arn} is attached exclusively to thing {thing_name}. Detach it first."


def attached_elsewhere(certificate_arn: str, thing_name: str) -> str:
    """[R] AttachThingPrincipal, exclusively, of what another thing has; ``thing_name`` is that thing's."""
    return f"Principal {certificate_arn} is attached to thing {thing_name} and cannot be exclusive to another."


def attached_otherwise(certificate_arn: str, thing_name: str, kind: str) -> str:
    """[R] AttachThingPrincipal, repeated with another type."""
    return f"Principal {certificate_arn} is attached to thing {thing_name} as {kind}. Detach it first."


# --- policies (8.1, 6) ----------------------------------------------------------------------------------------------


NOT_A_POLICY_TARGET: Final = "The given target is not the ARN of a certificate or thing group"
"""[R] AttachPolicy, DetachPolicy, ListAttachedPolicies."""


POLICY_VERSION_DEFAULT: Final = "Cannot delete the default version of a policy"
"""[R] DeletePolicyVersion."""


def policy_missing(name: str) -> str:
    """[R] after the text for things."""
    return f"Policy {name} cannot be found."


def policy_version_missing(name: str, version: str) -> str:
    """[R] after the text for things."""
    return f"Version {version} of policy {name} cannot be found."


def policy_exists(name: str) -> str:
    """Reported by users of the live service. CreatePolicy."""
    return f"Policy cannot be created - name already exists (name={name})"


def policy_attached(name: str) -> str:
    """Reported by users of the live service. DeletePolicy."""
    return f"The policy cannot be deleted as the policy is attached to one or more principals (name={name})"


def policy_has_versions(name: str) -> str:
    """Reported by users of the live service, typing error included; the brackets are [R]. DeletePolicy."""
    return f"The policy cannot be deleted as versions other than than default version exist (name={name})"


def policy_versions_full(name: str, limit: int) -> str:
    """Reported by users of the live service. CreatePolicyVersion."""
    return f"The policy {name} already has the maximum number of versions ({limit})"


def policy_too_large(size: int, limit: int) -> str:
    """[R] In characters that are no white space."""
    return f"The policy document has {size} characters without white space, more than the limit of {limit}."


# --- tags and endpoints (19) ----------------------------------------------------------------------------------------


def not_an_arn(text: str) -> str:
    """[R] ``resourceArn`` of the tag operations."""
    return f"{text} is not an ARN."


def not_taggable(arn: str) -> str:
    """[R] ``resourceArn`` of the tag operations."""
    return f"{arn} is not the ARN of a resource that can have tags."


def resource_missing(arn: str) -> str:
    """[R] ``resourceArn`` of the tag operations."""
    return f"Resource {arn} cannot be found."


def endpoint_type_unknown(kind: str) -> str:
    """[R] DescribeEndpoint."""
    return f"Endpoint type {kind} is not supported."


# --- documents and their source (control reference 3.2, 5.1, 6.1) ---------------------------------------------------


# --- timeouts (12) --------------------------------------------------------------------------------------------------


# --- rollout and abort (2.1, 9, 10) ---------------------------------------------------------------------------------


# --- retries (11) ---------------------------------------------------------------------------------------------------


# --- scheduling (8) -------------------------------------------------------------------------------------------------


# --- package versions and tags (16.3, 19) ---------------------------------------------------------------------------


# --- what exists and what does not (third hand, all of them) --------------------------------------------------------


# --- what a state does not allow (third hand, all of them) ----------------------------------------------------------


# --- what a request names ([R], all of them) ------------------------------------------------------------------------


# --- things (control reference 17.1) --------------------------------------------------------------------------------


# --- thing groups (17.3) --------------------------------------------------------------------------------------------


# --- certificates and what they are attached to (device reference 8.4, 8.5) -----------------------------------------


# --- policies (8.1, 6) ----------------------------------------------------------------------------------------------


# --- tags and endpoints (19) ----------------------------------------------------------------------------------------


# --- what the engine says of a job ----------------------------------------------------------------------------------

ABORT_REASON: Final = "ABORT_CRITERIA_MET"
"""[R] reasonCode of a job that its abort criteria canceled."""


def aborted(failure_type: str, share: Decimal, threshold: Decimal) -> str:
    """[R] comment of a job that its abort criteria canceled; both in percent."""
    failed = "failed" if failure_type == "ALL" else f"ended as {failure_type}"
    return f"{share} percent of the finished executions {failed}, the threshold being {threshold} percent."


def job_not_continuous(job_id: str) -> str:
    """[R] AssociateTargetsWithJob."""
    return f"Job {job_id} is not a continuous job in progress; targets can only be associated with one."


def not_a_group_target(text: str) -> str:
    """[R] AssociateTargetsWithJob."""
    return f"{text} is not the ARN of a thing group of this account and region."


def execution_needs_force(status: str) -> str:
    """[R] DeleteJobExecution, after the text of CancelJobExecution."""
    return f"Job execution is {status} and cannot be deleted without force"
