"""Shapes, errors and operations of AWS IoT (``iot``), version 2015-05-28.

Generated from the service model of botocore 1.44.5 by ``python -m tools.regen``. Do not edit: the tables to change
are at the top of ``tools/generate_wire.py``.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, ClassVar

from msgspec import field

from tidegate.wire.errors import WireError
from tidegate.wire.shapes import MISSING, Integer, Long, Number, Operation, Required, Shape, Size, Text
from tidegate.wire.shapes import header, label, query

AbortAction = Annotated[str, Text(enum=("CANCEL",))]
AbortThresholdPercentage = Annotated[Decimal, Number(max=100)]
AcmCertificateArn = Annotated[str, Text(min=1, max=2048, pattern=r"arn:aws(-cn|-us-gov|-iso-b|-iso)?:acm:[a-z]{2}-(gov-|iso-|isob-)?[a-z]{4,9}-\d{1}:\d{12}:certificate/[a-zA-Z0-9/-]+")]
ActionType = Annotated[str, Text(enum=("PUBLISH", "SUBSCRIBE", "RECEIVE", "CONNECT"))]
AggregationField = Annotated[str, Text(min=1)]
ApplicationProtocol = Annotated[str, Text(enum=("SECURE_MQTT", "MQTT_WSS", "HTTPS", "DEFAULT"))]
AttributeName = Annotated[str, Text(max=128, pattern="[a-zA-Z0-9_.,@/:#-]+")]
AttributeValue = Annotated[str, Text(max=800, pattern=r"[a-zA-Z0-9_.,@/:#=\[\]-]*")]
AuthDecision = Annotated[str, Text(enum=("ALLOWED", "EXPLICIT_DENY", "IMPLICIT_DENY"))]
AuthenticationType = Annotated[str, Text(enum=("CUSTOM_AUTH_X509", "CUSTOM_AUTH", "AWS_X509", "AWS_SIGV4", "DEFAULT"))]
AuthorizerArn = Annotated[str, Text(max=2048)]
AuthorizerFunctionArn = Annotated[str, Text(max=2048, pattern=r"[\s\S]*")]
AuthorizerName = Annotated[str, Text(min=1, max=128, pattern=r"[\w=,@-]+")]
AuthorizerStatus = Annotated[str, Text(enum=("ACTIVE", "INACTIVE"))]
AutoRegistrationStatus = Annotated[str, Text(enum=("ENABLE", "DISABLE"))]
AwsAccountId = Annotated[str, Text(min=12, max=12, pattern="[0-9]+")]
AwsJobAbortCriteriaAbortAction = Annotated[str, Text(enum=("CANCEL",))]
AwsJobAbortCriteriaAbortThresholdPercentage = Annotated[Decimal, Number(max=100)]
AwsJobAbortCriteriaFailureType = Annotated[str, Text(enum=("FAILED", "REJECTED", "TIMED_OUT", "ALL"))]
AwsJobAbortCriteriaMinimumNumberOfExecutedThings = Annotated[Integer, Number(min=1)]
AwsJobRateIncreaseCriteriaNumberOfThings = Annotated[Integer, Number(min=1)]
AwsJobRolloutRatePerMinute = Annotated[Integer, Number(min=1, max=1000)]
BillingGroupDescription = Annotated[str, Text(max=2028, pattern=r"[\p{Graph}\x20]*")]
BillingGroupId = Annotated[str, Text(min=1, max=128, pattern=r"[a-zA-Z0-9\-]+")]
BillingGroupName = Annotated[str, Text(min=1, max=128, pattern="[a-zA-Z0-9:_-]+")]
CACertificateStatus = Annotated[str, Text(enum=("ACTIVE", "INACTIVE"))]
CertificateId = Annotated[str, Text(min=64, max=64, pattern="(0x)?[a-fA-F0-9]+")]
CertificateMode = Annotated[str, Text(enum=("DEFAULT", "SNI_ONLY"))]
CertificatePem = Annotated[str, Text(min=1, max=65536, pattern=r"[\s\S]*")]
CertificateSigningRequest = Annotated[str, Text(min=1, max=4096, pattern=r"[\s\S]*")]
CertificateStatus = Annotated[str, Text(enum=("ACTIVE", "INACTIVE", "REVOKED", "PENDING_TRANSFER", "REGISTER_INACTIVE", "PENDING_ACTIVATION"))]
ClientCertificateCallbackArn = Annotated[str, Text(max=2048, pattern=r"[\s\S]*")]
ClientToken = Annotated[str, Text(min=36, max=64, pattern=r"\S{36,64}")]
CommandDescription = Annotated[str, Text(max=2028, pattern=r"[^\p{C}]*")]
CommandExecutionId = Annotated[str, Text(min=1, max=64, pattern="[a-zA-Z0-9_-]+")]
CommandExecutionResultName = Annotated[str, Text(min=1, max=32, pattern="[a-zA-Z0-9_-]+")]
CommandExecutionStatus = Annotated[str, Text(enum=("CREATED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "REJECTED", "TIMED_OUT"))]
CommandExecutionTimeoutInSeconds = Annotated[Long, Number(min=1)]
CommandId = Annotated[str, Text(min=1, max=64, pattern="[a-zA-Z0-9_-]+")]
CommandMaxResults = Annotated[Integer, Number(min=1, max=100)]
CommandNamespace = Annotated[str, Text(enum=("AWS-IoT", "AWS-IoT-FleetWise"))]
CommandParameterDescription = Annotated[str, Text(max=2028, pattern=r"[^\p{C}]*")]
CommandParameterName = Annotated[str, Text(min=1, max=192, pattern="^[.$a-zA-Z0-9_-]+$")]
CommandParameterType = Annotated[str, Text(enum=("STRING", "INTEGER", "DOUBLE", "LONG", "UNSIGNEDLONG", "BOOLEAN", "BINARY"))]
CommandParameterValueComparisonOperator = Annotated[str, Text(enum=("EQUALS", "NOT_EQUALS", "LESS_THAN", "LESS_THAN_EQUALS", "GREATER_THAN", "GREATER_THAN_EQUALS", "IN_SET", "NOT_IN_SET", "IN_RANGE", "NOT_IN_RANGE"))]
CommandPayloadTemplateString = Annotated[str, Text(max=32768)]
Comment = Annotated[str, Text(max=2028, pattern=r"[^\p{C}]+")]
ConnectionAttributeName = Annotated[str, Text(max=128, pattern="[a-zA-Z0-9:.]+")]
ConnectivityApiThingName = Annotated[str, Text(min=1, max=128, pattern="[a-zA-Z0-9:_-]+")]
CredentialDurationSeconds = Annotated[Integer, Number(min=900, max=43200)]
CronExpression = Annotated[str, Text(min=1, max=256)]
CustomerVersion = Annotated[Integer, Number(min=1)]
DetailsKey = Annotated[str, Text(min=1, max=128, pattern="[a-zA-Z0-9:_-]+")]
DetailsValue = Annotated[str, Text(min=1, pattern=r"[^\p{C}]+", max=1024)]
DeviceDefenderIndexingMode = Annotated[str, Text(enum=("OFF", "VIOLATIONS"))]
DisconnectReasonValue = Annotated[str, Text(enum=("AUTH_ERROR", "CLIENT_INITIATED_DISCONNECT", "CLIENT_ERROR", "CONNECTION_LOST", "DUPLICATE_CLIENTID", "FORBIDDEN_ACCESS", "MQTT_KEEP_ALIVE_TIMEOUT", "SERVER_ERROR", "SERVER_INITIATED_DISCONNECT", "API_INITIATED_DISCONNECT", "THROTTLED", "WEBSOCKET_TTL_EXPIRATION", "CUSTOMAUTH_TTL_EXPIRATION", "UNKNOWN", "NONE"))]
DisplayName = Annotated[str, Text(max=64, pattern=r"[^\p{C}]*")]
DomainConfigurationName = Annotated[str, Text(min=1, max=128, pattern=r"[\w.-]+")]
DomainConfigurationStatus = Annotated[str, Text(enum=("ENABLED", "DISABLED"))]
DomainName = Annotated[str, Text(min=1, max=253, pattern=r"[\s\S]*")]
DomainType = Annotated[str, Text(enum=("ENDPOINT", "AWS_MANAGED", "CUSTOMER_MANAGED"))]
DurationInMinutes = Annotated[Integer, Number(min=1, max=1430)]
DynamicGroupStatus = Annotated[str, Text(enum=("ACTIVE", "BUILDING", "REBUILDING"))]
EndpointType = Annotated[str, Text(max=128, pattern=r"[\s\S]*")]
Environment = Annotated[str, Text(pattern=r"[^\p{C}]+")]
ErrorMessage = Annotated[str, Text(max=2048)]
EventType = Annotated[str, Text(enum=("THING", "THING_GROUP", "THING_TYPE", "THING_GROUP_MEMBERSHIP", "THING_GROUP_HIERARCHY", "THING_TYPE_ASSOCIATION", "JOB", "JOB_EXECUTION", "POLICY", "CERTIFICATE", "CA_CERTIFICATE"))]
Example = Annotated[str, Text(pattern=r"[^\p{C}]+")]
ExpiresInSec = Annotated[Long, Number(min=60, max=3600, quota="presigned_url_seconds")]
FieldType = Annotated[str, Text(enum=("Number", "String", "Boolean"))]
FileId = Annotated[Integer, Number(min=0, max=255)]
FileType = Annotated[Integer, Number(min=0, max=255)]
FleetIndexingApi = Annotated[str, Text(enum=("GET_THING_CONNECTIVITY_DATA",))]
HttpHeaderName = Annotated[str, Text(min=1, max=8192, pattern=r"[\s\S]*")]
HttpHeaderValue = Annotated[str, Text(min=1, max=8192, pattern=r"[\s\S]*")]
HttpQueryString = Annotated[str, Text(min=1, max=4096, pattern=r"[\s\S]*")]
IncrementFactor = Annotated[Decimal, Number(min=Decimal("1.1"), max=5)]
IndexName = Annotated[str, Text(min=1, max=128, pattern="[a-zA-Z0-9:_-]+")]
IndexStatus = Annotated[str, Text(enum=("ACTIVE", "BUILDING", "REBUILDING"))]
JobDescription = Annotated[str, Text(max=2028, pattern=r"[^\p{C}]+")]
JobDocument = Annotated[str, Text(max=32768, quota="document_bytes")]
JobDocumentSource = Annotated[str, Text(min=1, max=1350)]
JobEndBehavior = Annotated[str, Text(enum=("STOP_ROLLOUT", "CANCEL", "FORCE_CANCEL"))]
JobExecutionFailureType = Annotated[str, Text(enum=("FAILED", "REJECTED", "TIMED_OUT", "ALL"))]
JobExecutionStatus = Annotated[str, Text(enum=("QUEUED", "IN_PROGRESS", "SUCCEEDED", "FAILED", "TIMED_OUT", "REJECTED", "REMOVED", "CANCELED"))]
JobId = Annotated[str, Text(min=1, max=64, pattern="[a-zA-Z0-9_-]+")]
JobStatus = Annotated[str, Text(enum=("IN_PROGRESS", "CANCELED", "COMPLETED", "DELETION_IN_PROGRESS", "SCHEDULED"))]
JobTemplateArn = Annotated[str, Text(min=1, max=1600, pattern="^arn:[!-~]+$")]
JobTemplateId = Annotated[str, Text(min=1, max=64, pattern="[a-zA-Z0-9_-]+")]
KeyName = Annotated[str, Text(min=1, max=128, pattern="[a-zA-Z0-9:_-]+")]
KeyValue = Annotated[str, Text(max=5120, pattern=r"[\s\S]*")]
LaserMaxResults = Annotated[Integer, Number(min=1, max=250)]
ManagedJobTemplateName = Annotated[str, Text(min=1, max=64)]
ManagedTemplateVersion = Annotated[str, Text(pattern="^[1-9]+.[0-9]+")]
Marker = Annotated[str, Text(max=1024, pattern="[A-Za-z0-9+/]+={0,2}")]
MaxBuckets = Annotated[Integer, Number(min=1, max=10000)]
MaxJobExecutionsPerMin = Annotated[Integer, Number(min=1)]
MaxResults = Annotated[Integer, Number(min=1, max=250)]
MaximumPerMinute = Annotated[Integer, Number(min=1, max=1000)]
Message = Annotated[str, Text(max=128, pattern=r"[\s\S]*")]
MimeType = Annotated[str, Text(min=1)]
MinimumNumberOfExecutedThings = Annotated[Integer, Number(min=1)]
MqttClientId = Annotated[str, Text(min=1, max=65535, pattern=r"[\s\S]*")]
MqttUsername = Annotated[str, Text(min=1, max=65535, pattern=r"[\s\S]*")]
NamedShadowIndexingMode = Annotated[str, Text(enum=("OFF", "ON"))]
NamespaceId = Annotated[str, Text(pattern="[a-zA-Z0-9_-]+", max=64)]
NumberOfRetries = Annotated[Integer, Number(min=0, max=10, quota="retries_per_execution")]
NumberOfThings = Annotated[Integer, Number(min=1)]
OCSPLambdaArn = Annotated[str, Text(max=140)]
OTAUpdateDescription = Annotated[str, Text(max=2028, pattern=r"[^\p{C}]+")]
OTAUpdateId = Annotated[str, Text(min=1, max=128, pattern="[a-zA-Z0-9_-]+")]
OTAUpdateStatus = Annotated[str, Text(enum=("CREATE_PENDING", "CREATE_IN_PROGRESS", "CREATE_COMPLETE", "CREATE_FAILED", "DELETE_IN_PROGRESS", "DELETE_FAILED"))]
OutputFormat = Annotated[str, Text(enum=("JSON", "CBOR"))]
PackageCatalogMaxResults = Annotated[Integer, Number(min=1, max=100)]
PackageName = Annotated[str, Text(min=1, max=128, pattern="[a-zA-Z0-9-_.]+")]
PackageVersionAction = Annotated[str, Text(enum=("PUBLISH", "DEPRECATE"))]
PackageVersionArn = Annotated[str, Text(min=1, max=1600, pattern="^arn:[!-~]+$")]
PackageVersionRecipe = Annotated[str, Text(max=3072)]
PackageVersionStatus = Annotated[str, Text(enum=("DRAFT", "PUBLISHED", "DEPRECATED"))]
PageSize = Annotated[Integer, Number(min=1, max=250)]
Parameter = Annotated[str, Text(min=0, max=2048, pattern=r"[\s\S]*")]
ParameterKey = Annotated[str, Text(min=1, max=128, pattern="[a-zA-Z0-9_-]+")]
ParameterValue = Annotated[str, Text(min=1, max=30720, pattern=r"[^\p{C}]+")]
PayloadVersion = Annotated[str, Text(min=10, max=32, pattern="^[0-9-]+$")]
Percent = Annotated[Decimal, Number(min=0, max=100)]
Percentage = Annotated[Integer, Number(min=0, max=100)]
PolicyDocument = Annotated[str, Text(min=0, max=404600, pattern=r"[\s\S]*")]
PolicyName = Annotated[str, Text(min=1, max=128, pattern=r"[\w+=,.@-]+")]
PolicyVersionId = Annotated[str, Text(pattern="[0-9]+")]
PrincipalId = Annotated[str, Text(min=1, max=128, pattern="[a-zA-Z0-9]+")]
PrivateKey = Annotated[str, Text(min=1)]
Protocol = Annotated[str, Text(enum=("MQTT", "HTTP"))]
PublicKey = Annotated[str, Text(min=1)]
QueryMaxResults = Annotated[Integer, Number(min=1, max=500)]
QueryString = Annotated[str, Text(min=1)]
ReasonCode = Annotated[str, Text(max=128, pattern=r"[\p{Upper}\p{Digit}_]+")]
RegistrationCode = Annotated[str, Text(min=64, max=64, pattern="(0x)?[a-fA-F0-9]+")]
RegistryMaxResults = Annotated[Integer, Number(min=1, max=250)]
RegistryS3BucketName = Annotated[str, Text(min=3, max=256, pattern="[a-zA-Z0-9._-]+")]
RegistryS3KeyName = Annotated[str, Text(min=1, max=1024, pattern=r"[a-zA-Z0-9!_.*'()-\/]+")]
ReportType = Annotated[str, Text(enum=("ERRORS", "RESULTS"))]
ReservedDomainConfigurationName = Annotated[str, Text(min=1, max=128, pattern=r"[\w.:-]+")]
Resource = Annotated[str, Text(max=2048, pattern=r"[\s\S]*")]
ResourceAttributeKey = Annotated[str, Text(min=1, pattern="[a-zA-Z0-9:_-]+")]
ResourceAttributeValue = Annotated[str, Text(min=1, pattern=r"[^\p{C}]+")]
ResourceDescription = Annotated[str, Text(min=0, max=1024, pattern=r"[^\p{C}]+", or_empty=True)]
RetryableFailureType = Annotated[str, Text(enum=("FAILED", "TIMED_OUT", "ALL"))]
RoleAlias = Annotated[str, Text(min=1, max=128, pattern=r"[\w=,@-]+")]
RoleAliasArn = Annotated[str, Text(min=1, max=2048)]
RoleArn = Annotated[str, Text(min=20, max=2048)]
RolloutRatePerMinute = Annotated[Integer, Number(min=1, max=1000, quota="rollout_per_minute")]
S3Bucket = Annotated[str, Text(min=1)]
S3FileUrl = Annotated[str, Text(max=65535)]
S3Key = Annotated[str, Text(min=1)]
SbomValidationErrorCode = Annotated[str, Text(enum=("INCOMPATIBLE_FORMAT", "FILE_SIZE_LIMIT_EXCEEDED"))]
SbomValidationResult = Annotated[str, Text(enum=("FAILED", "SUCCEEDED"))]
SbomValidationStatus = Annotated[str, Text(enum=("IN_PROGRESS", "FAILED", "SUCCEEDED"))]
SearchQueryMaxResults = Annotated[Integer, Number(min=1, max=500)]
SecurityPolicy = Annotated[str, Text(max=128, pattern=r"[\s\S]*")]
ServerCertificateStatus = Annotated[str, Text(enum=("INVALID", "VALID"))]
ServerName = Annotated[str, Text(min=1, max=253, pattern=r"[\s\S]*")]
ServiceType = Annotated[str, Text(enum=("DATA", "CREDENTIAL_PROVIDER", "JOBS"))]
ShadowName = Annotated[str, Text(min=1, max=64, pattern="[$a-zA-Z0-9:_-]+")]
SortOrder = Annotated[str, Text(enum=("ASCENDING", "DESCENDING"))]
Status = Annotated[str, Text(enum=("InProgress", "Completed", "Failed", "Cancelled", "Cancelling"))]
StatusReasonCode = Annotated[str, Text(max=64, pattern="[A-Z0-9_-]+")]
StatusReasonDescription = Annotated[str, Text(max=1024, pattern=r"[^\p{C}]*")]
StreamDescription = Annotated[str, Text(max=2028, pattern=r"[^\p{C}]+")]
StreamId = Annotated[str, Text(min=1, max=128, pattern="[a-zA-Z0-9_-]+")]
StreamVersion = Annotated[Integer, Number(min=0, max=65535)]
StringCommandExecutionResult = Annotated[str, Text(min=1)]
StringDateTime = Annotated[str, Text(min=1, max=64)]
StringParameterValue = Annotated[str, Text(min=1)]
TagKey = Annotated[str, Text(min=1, max=128, pattern=r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$")]
TagValue = Annotated[str, Text(min=0, max=256)]
TargetArn = Annotated[str, Text(max=2048)]
TargetFieldOrder = Annotated[str, Text(enum=("LatLon", "LonLat"))]
TargetSelection = Annotated[str, Text(enum=("CONTINUOUS", "SNAPSHOT"))]
TaskId = Annotated[str, Text(max=40)]
TemplateBody = Annotated[str, Text(min=0, max=10240, pattern=r"[\s\S]*")]
TemplateDescription = Annotated[str, Text(min=0, max=500, pattern=r"[^\p{C}]*")]
TemplateName = Annotated[str, Text(min=1, max=36, pattern="^[0-9A-Za-z_-]+$")]
TemplateType = Annotated[str, Text(enum=("FLEET_PROVISIONING", "JITP"))]
ThingConnectivityIndexingMode = Annotated[str, Text(enum=("OFF", "STATUS"))]
ThingGroupDescription = Annotated[str, Text(max=2028, pattern=r"[\p{Graph}\x20]*")]
ThingGroupId = Annotated[str, Text(min=1, max=128, pattern=r"[a-zA-Z0-9\-]+")]
ThingGroupIndexingMode = Annotated[str, Text(enum=("OFF", "ON"))]
ThingGroupName = Annotated[str, Text(min=1, max=128, pattern="[a-zA-Z0-9:_-]+")]
ThingIndexingMode = Annotated[str, Text(enum=("OFF", "REGISTRY", "REGISTRY_AND_SHADOW"))]
ThingName = Annotated[str, Text(min=1, max=128, pattern="[a-zA-Z0-9:_-]+")]
ThingPrincipalType = Annotated[str, Text(enum=("EXCLUSIVE_THING", "NON_EXCLUSIVE_THING"))]
ThingTypeDescription = Annotated[str, Text(max=2028, pattern=r"[\p{Graph}\x20]*")]
ThingTypeName = Annotated[str, Text(min=1, max=128, pattern="[a-zA-Z0-9:_-]+")]
Token = Annotated[str, Text(min=1, max=6144, pattern=r"[\s\S]*")]
TokenKeyName = Annotated[str, Text(min=1, max=128, pattern="[a-zA-Z0-9_-]+")]
TokenSignature = Annotated[str, Text(min=1, max=2560, pattern="[A-Za-z0-9+/]+={0,2}")]
UnsignedLongParameterValue = Annotated[str, Text(min=1, max=20, pattern="^[0-9]*$")]
UserPropertyKeyName = Annotated[str, Text(max=128, pattern="[a-zA-Z0-9:$.]+")]
Value = Annotated[str, Text(min=0, max=4096, pattern=r"[\s\S]*")]
VersionName = Annotated[str, Text(min=1, max=64, pattern="[a-zA-Z0-9-_.]+")]


class AbortConfig(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("criteria_list",)
    criteria_list: Required[AbortCriteriaList] = MISSING


class AbortCriteria(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("failure_type", "action", "threshold_percentage", "min_number_of_executed_things")
    failure_type: Required[JobExecutionFailureType] = MISSING
    action: Required[AbortAction] = MISSING
    threshold_percentage: Required[AbortThresholdPercentage] = MISSING
    min_number_of_executed_things: Required[MinimumNumberOfExecutedThings] = MISSING


class AddThingToBillingGroupRequest(Shape):
    billing_group_name: BillingGroupName | None = None
    billing_group_arn: str | None = None
    thing_name: ThingName | None = None
    thing_arn: str | None = None


class AddThingToBillingGroupResponse(Shape):
    pass


class AddThingToThingGroupRequest(Shape):
    thing_group_name: ThingGroupName | None = None
    thing_group_arn: str | None = None
    thing_name: ThingName | None = None
    thing_arn: str | None = None
    override_dynamic_groups: bool | None = None


class AddThingToThingGroupResponse(Shape):
    pass


class Allowed(Shape):
    policies: list[Policy] | None = None


class AssociateSbomWithPackageVersionRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("package_name", "version_name", "sbom")
    package_name: Required[PackageName] = MISSING
    version_name: Required[VersionName] = MISSING
    sbom: Required[Sbom] = MISSING
    client_token: ClientToken | None = None


class AssociateSbomWithPackageVersionResponse(Shape):
    package_name: PackageName | None = None
    version_name: VersionName | None = None
    sbom: Sbom | None = None
    sbom_validation_status: SbomValidationStatus | None = None


class AssociateTargetsWithJobRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("targets", "job_id")
    targets: Required[JobTargets] = MISSING
    job_id: Required[JobId] = MISSING
    comment: Comment | None = None
    namespace_id: NamespaceId | None = None


class AssociateTargetsWithJobResponse(Shape):
    job_arn: str | None = None
    job_id: JobId | None = None
    description: JobDescription | None = None


class AttachPolicyRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("policy_name", "target")
    policy_name: Required[PolicyName] = MISSING
    target: Required[str] = MISSING


class AttachPrincipalPolicyRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("policy_name", "principal")
    policy_name: Required[PolicyName] = MISSING
    principal: Required[str] = MISSING


class AttachThingPrincipalRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_name", "principal")
    thing_name: Required[ThingName] = MISSING
    principal: Required[str] = MISSING
    thing_principal_type: ThingPrincipalType | None = None


class AttachThingPrincipalResponse(Shape):
    pass


class AttributePayload(Shape):
    attributes: dict[AttributeName, AttributeValue] | None = None
    merge: bool | None = None


class AuthInfo(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("resources",)
    action_type: ActionType | None = None
    resources: Required[list[Resource]] = MISSING


class AuthResult(Shape):
    auth_info: AuthInfo | None = None
    allowed: Allowed | None = None
    denied: Denied | None = None
    auth_decision: AuthDecision | None = None
    missing_context_values: list[str] | None = None


class AuthorizerConfig(Shape):
    default_authorizer_name: AuthorizerName | None = None
    allow_authorizer_override: bool | None = None


class AuthorizerDescription(Shape):
    authorizer_name: AuthorizerName | None = None
    authorizer_arn: AuthorizerArn | None = None
    authorizer_function_arn: AuthorizerFunctionArn | None = None
    token_key_name: TokenKeyName | None = None
    token_signing_public_keys: dict[KeyName, KeyValue] | None = None
    status: AuthorizerStatus | None = None
    creation_date: float | None = None
    last_modified_date: float | None = None
    signing_disabled: bool | None = None
    enable_caching_for_http: bool | None = None


class AuthorizerSummary(Shape):
    authorizer_name: AuthorizerName | None = None
    authorizer_arn: AuthorizerArn | None = None


class AwsJobAbortConfig(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("abort_criteria_list",)
    abort_criteria_list: Required[AwsJobAbortCriteriaList] = MISSING


class AwsJobAbortCriteria(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("failure_type", "action", "threshold_percentage", "min_number_of_executed_things")
    failure_type: Required[AwsJobAbortCriteriaFailureType] = MISSING
    action: Required[AwsJobAbortCriteriaAbortAction] = MISSING
    threshold_percentage: Required[AwsJobAbortCriteriaAbortThresholdPercentage] = MISSING
    min_number_of_executed_things: Required[AwsJobAbortCriteriaMinimumNumberOfExecutedThings] = MISSING


class AwsJobExecutionsRolloutConfig(Shape):
    maximum_per_minute: MaximumPerMinute | None = None
    exponential_rate: AwsJobExponentialRolloutRate | None = None


class AwsJobExponentialRolloutRate(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("base_rate_per_minute", "increment_factor", "rate_increase_criteria")
    base_rate_per_minute: Required[AwsJobRolloutRatePerMinute] = MISSING
    increment_factor: Required[Decimal] = MISSING
    rate_increase_criteria: Required[AwsJobRateIncreaseCriteria] = MISSING


class AwsJobPresignedUrlConfig(Shape):
    expires_in_sec: Long | None = None


class AwsJobRateIncreaseCriteria(Shape):
    number_of_notified_things: AwsJobRateIncreaseCriteriaNumberOfThings | None = None
    number_of_succeeded_things: AwsJobRateIncreaseCriteriaNumberOfThings | None = None


class AwsJobTimeoutConfig(Shape):
    in_progress_timeout_in_minutes: Long | None = None


class AwsJsonSubstitutionCommandPreprocessorConfig(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("output_format",)
    output_format: Required[OutputFormat] = MISSING


class BillingGroupMetadata(Shape):
    creation_date: float | None = None


class BillingGroupProperties(Shape):
    billing_group_description: BillingGroupDescription | None = None


class Bucket(Shape):
    key_value: str | None = None
    count: Integer | None = None


class BucketsAggregationType(Shape):
    terms_aggregation: TermsAggregation | None = None


class CACertificate(Shape):
    certificate_arn: str | None = None
    certificate_id: CertificateId | None = None
    status: CACertificateStatus | None = None
    creation_date: float | None = None


class CACertificateDescription(Shape):
    certificate_arn: str | None = None
    certificate_id: CertificateId | None = None
    status: CACertificateStatus | None = None
    certificate_pem: CertificatePem | None = None
    owned_by: AwsAccountId | None = None
    creation_date: float | None = None
    auto_registration_status: AutoRegistrationStatus | None = None
    last_modified_date: float | None = None
    customer_version: CustomerVersion | None = None
    generation_id: str | None = None
    validity: CertificateValidity | None = None
    certificate_mode: CertificateMode | None = None


class CancelJobExecutionRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("job_id", "thing_name")
    job_id: Required[JobId] = MISSING
    thing_name: Required[ThingName] = MISSING
    force: bool | None = None
    expected_version: Long | None = None
    status_details: DetailsMap | None = None


class CancelJobRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("job_id",)
    job_id: Required[JobId] = MISSING
    reason_code: ReasonCode | None = None
    comment: Comment | None = None
    force: bool | None = None


class CancelJobResponse(Shape):
    job_arn: str | None = None
    job_id: JobId | None = None
    description: JobDescription | None = None


class Certificate(Shape):
    certificate_arn: str | None = None
    certificate_id: CertificateId | None = None
    status: CertificateStatus | None = None
    certificate_mode: CertificateMode | None = None
    creation_date: float | None = None


class CertificateDescription(Shape):
    certificate_arn: str | None = None
    certificate_id: CertificateId | None = None
    ca_certificate_id: CertificateId | None = None
    status: CertificateStatus | None = None
    certificate_pem: CertificatePem | None = None
    owned_by: AwsAccountId | None = None
    previous_owned_by: AwsAccountId | None = None
    creation_date: float | None = None
    last_modified_date: float | None = None
    customer_version: CustomerVersion | None = None
    transfer_data: TransferData | None = None
    generation_id: str | None = None
    validity: CertificateValidity | None = None
    certificate_mode: CertificateMode | None = None


class CertificateValidity(Shape):
    not_before: float | None = None
    not_after: float | None = None


class ClearDefaultAuthorizerRequest(Shape):
    pass


class ClearDefaultAuthorizerResponse(Shape):
    pass


class ClientCertificateConfig(Shape):
    client_certificate_callback_arn: ClientCertificateCallbackArn | None = None


class CodeSigning(Shape):
    aws_signer_job_id: str | None = None
    start_signing_job_parameter: StartSigningJobParameter | None = None
    custom_code_signing: CustomCodeSigning | None = None


class CodeSigningCertificateChain(Shape):
    certificate_name: str | None = None
    inline_document: str | None = None


class CodeSigningSignature(Shape):
    inline_document: bytes | None = None


class CommandExecutionResult(Shape):
    s: StringCommandExecutionResult | None = field(default=None, name="S")
    b: bool | None = field(default=None, name="B")
    bin: bytes | None = field(default=None, name="BIN")


class CommandExecutionSummary(Shape):
    command_arn: str | None = None
    execution_id: CommandExecutionId | None = None
    target_arn: TargetArn | None = None
    status: CommandExecutionStatus | None = None
    created_at: float | None = None
    started_at: float | None = None
    completed_at: float | None = None


class CommandParameter(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("name",)
    name: Required[CommandParameterName] = MISSING
    type: CommandParameterType | None = None
    value: CommandParameterValue | None = None
    default_value: CommandParameterValue | None = None
    value_conditions: CommandParameterValueConditionList | None = None
    description: CommandParameterDescription | None = None


class CommandParameterValue(Shape):
    s: StringParameterValue | None = field(default=None, name="S")
    b: bool | None = field(default=None, name="B")
    i: Integer | None = field(default=None, name="I")
    l: Long | None = field(default=None, name="L")
    d: Decimal | None = field(default=None, name="D")
    bin: bytes | None = field(default=None, name="BIN")
    ul: UnsignedLongParameterValue | None = field(default=None, name="UL")


class CommandParameterValueComparisonOperand(Shape):
    number: StringParameterValue | None = None
    numbers: CommandParameterValueStringList | None = None
    string: StringParameterValue | None = None
    strings: CommandParameterValueStringList | None = None
    number_range: CommandParameterValueNumberRange | None = None


class CommandParameterValueCondition(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("comparison_operator", "operand")
    comparison_operator: Required[CommandParameterValueComparisonOperator] = MISSING
    operand: Required[CommandParameterValueComparisonOperand] = MISSING


class CommandParameterValueNumberRange(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("min", "max")
    min: Required[StringParameterValue] = MISSING
    max: Required[StringParameterValue] = MISSING


class CommandPayload(Shape):
    content: bytes | None = None
    content_type: MimeType | None = None


class CommandPreprocessor(Shape):
    aws_json_substitution: AwsJsonSubstitutionCommandPreprocessorConfig | None = None


class CommandSummary(Shape):
    command_arn: str | None = None
    command_id: CommandId | None = None
    display_name: DisplayName | None = None
    deprecated: bool | None = None
    created_at: float | None = None
    last_updated_at: float | None = None
    pending_deletion: bool | None = None


class Configuration(Shape):
    enabled: bool | None = field(default=None, name="Enabled")


class ConnectivityFilter(Shape):
    include_socket_information: list[FleetIndexingApi] | None = None


class CreateAuthorizerRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("authorizer_name", "authorizer_function_arn")
    authorizer_name: Required[AuthorizerName] = MISSING
    authorizer_function_arn: Required[AuthorizerFunctionArn] = MISSING
    token_key_name: TokenKeyName | None = None
    token_signing_public_keys: dict[KeyName, KeyValue] | None = None
    status: AuthorizerStatus | None = None
    tags: list[Tag] | None = None
    signing_disabled: bool | None = None
    enable_caching_for_http: bool | None = None


class CreateAuthorizerResponse(Shape):
    authorizer_name: AuthorizerName | None = None
    authorizer_arn: AuthorizerArn | None = None


class CreateBillingGroupRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("billing_group_name",)
    billing_group_name: Required[BillingGroupName] = MISSING
    billing_group_properties: BillingGroupProperties | None = None
    tags: list[Tag] | None = None


class CreateBillingGroupResponse(Shape):
    billing_group_name: BillingGroupName | None = None
    billing_group_arn: str | None = None
    billing_group_id: BillingGroupId | None = None


class CreateCertificateFromCsrRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("certificate_signing_request",)
    certificate_signing_request: Required[CertificateSigningRequest] = MISSING
    set_as_active: bool | None = None


class CreateCertificateFromCsrResponse(Shape):
    certificate_arn: str | None = None
    certificate_id: CertificateId | None = None
    certificate_pem: CertificatePem | None = None


class CreateCommandRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("command_id",)
    command_id: Required[CommandId] = MISSING
    namespace: CommandNamespace | None = None
    display_name: DisplayName | None = None
    description: CommandDescription | None = None
    payload: CommandPayload | None = None
    payload_template: CommandPayloadTemplateString | None = None
    preprocessor: CommandPreprocessor | None = None
    mandatory_parameters: CommandParameterList | None = None
    role_arn: RoleArn | None = None
    tags: list[Tag] | None = None


class CreateCommandResponse(Shape):
    command_id: CommandId | None = None
    command_arn: str | None = None


class CreateDomainConfigurationRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("domain_configuration_name",)
    domain_configuration_name: Required[DomainConfigurationName] = MISSING
    domain_name: DomainName | None = None
    server_certificate_arns: ServerCertificateArns | None = None
    validation_certificate_arn: AcmCertificateArn | None = None
    authorizer_config: AuthorizerConfig | None = None
    service_type: ServiceType | None = None
    tags: list[Tag] | None = None
    tls_config: TlsConfig | None = None
    server_certificate_config: ServerCertificateConfig | None = None
    authentication_type: AuthenticationType | None = None
    application_protocol: ApplicationProtocol | None = None
    client_certificate_config: ClientCertificateConfig | None = None


class CreateDomainConfigurationResponse(Shape):
    domain_configuration_name: DomainConfigurationName | None = None
    domain_configuration_arn: str | None = None


class CreateDynamicThingGroupRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_group_name", "query_string")
    thing_group_name: Required[ThingGroupName] = MISSING
    thing_group_properties: ThingGroupProperties | None = None
    index_name: IndexName | None = None
    query_string: Required[QueryString] = MISSING
    query_version: str | None = None
    tags: list[Tag] | None = None


class CreateDynamicThingGroupResponse(Shape):
    thing_group_name: ThingGroupName | None = None
    thing_group_arn: str | None = None
    thing_group_id: ThingGroupId | None = None
    index_name: IndexName | None = None
    query_string: QueryString | None = None
    query_version: str | None = None


class CreateJobRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("job_id", "targets")
    job_id: Required[JobId] = MISSING
    targets: Required[JobTargets] = MISSING
    document_source: JobDocumentSource | None = None
    document: JobDocument | None = None
    description: JobDescription | None = None
    presigned_url_config: PresignedUrlConfig | None = None
    target_selection: TargetSelection | None = None
    job_executions_rollout_config: JobExecutionsRolloutConfig | None = None
    abort_config: AbortConfig | None = None
    timeout_config: TimeoutConfig | None = None
    tags: list[Tag] | None = None
    namespace_id: NamespaceId | None = None
    job_template_arn: JobTemplateArn | None = None
    job_executions_retry_config: JobExecutionsRetryConfig | None = None
    document_parameters: dict[ParameterKey, ParameterValue] | None = None
    scheduling_config: SchedulingConfig | None = None
    destination_package_versions: DestinationPackageVersions | None = None


class CreateJobResponse(Shape):
    job_arn: str | None = None
    job_id: JobId | None = None
    description: JobDescription | None = None


class CreateJobTemplateRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("job_template_id", "description")
    job_template_id: Required[JobTemplateId] = MISSING
    job_arn: str | None = None
    document_source: JobDocumentSource | None = None
    document: JobDocument | None = None
    description: Required[JobDescription] = MISSING
    presigned_url_config: PresignedUrlConfig | None = None
    job_executions_rollout_config: JobExecutionsRolloutConfig | None = None
    abort_config: AbortConfig | None = None
    timeout_config: TimeoutConfig | None = None
    tags: list[Tag] | None = None
    job_executions_retry_config: JobExecutionsRetryConfig | None = None
    maintenance_windows: list[MaintenanceWindow] | None = None
    destination_package_versions: DestinationPackageVersions | None = None


class CreateJobTemplateResponse(Shape):
    job_template_arn: JobTemplateArn | None = None
    job_template_id: JobTemplateId | None = None


class CreateKeysAndCertificateRequest(Shape):
    set_as_active: bool | None = None


class CreateKeysAndCertificateResponse(Shape):
    certificate_arn: str | None = None
    certificate_id: CertificateId | None = None
    certificate_pem: CertificatePem | None = None
    key_pair: KeyPair | None = None


class CreateOTAUpdateRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("ota_update_id", "targets", "files", "role_arn")
    ota_update_id: Required[OTAUpdateId] = MISSING
    description: OTAUpdateDescription | None = None
    targets: Required[Targets] = MISSING
    protocols: Protocols | None = None
    target_selection: TargetSelection | None = None
    aws_job_executions_rollout_config: AwsJobExecutionsRolloutConfig | None = None
    aws_job_presigned_url_config: AwsJobPresignedUrlConfig | None = None
    aws_job_abort_config: AwsJobAbortConfig | None = None
    aws_job_timeout_config: AwsJobTimeoutConfig | None = None
    files: Required[OTAUpdateFiles] = MISSING
    role_arn: Required[RoleArn] = MISSING
    additional_parameters: dict[str, Value] | None = None
    tags: list[Tag] | None = None


class CreateOTAUpdateResponse(Shape):
    ota_update_id: OTAUpdateId | None = None
    aws_iot_job_id: str | None = None
    ota_update_arn: str | None = None
    aws_iot_job_arn: str | None = None
    ota_update_status: OTAUpdateStatus | None = None


class CreatePackageRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("package_name",)
    package_name: Required[PackageName] = MISSING
    description: ResourceDescription | None = None
    tags: TagMap | None = None
    client_token: ClientToken | None = None


class CreatePackageResponse(Shape):
    package_name: PackageName | None = None
    package_arn: str | None = None
    description: ResourceDescription | None = None


class CreatePackageVersionRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("package_name", "version_name")
    package_name: Required[PackageName] = MISSING
    version_name: Required[VersionName] = MISSING
    description: ResourceDescription | None = None
    attributes: dict[ResourceAttributeKey, ResourceAttributeValue] | None = None
    artifact: PackageVersionArtifact | None = None
    recipe: PackageVersionRecipe | None = None
    tags: TagMap | None = None
    client_token: ClientToken | None = None


class CreatePackageVersionResponse(Shape):
    package_version_arn: PackageVersionArn | None = None
    package_name: PackageName | None = None
    version_name: VersionName | None = None
    description: ResourceDescription | None = None
    attributes: dict[ResourceAttributeKey, ResourceAttributeValue] | None = None
    status: PackageVersionStatus | None = None
    error_reason: str | None = None


class CreatePolicyRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("policy_name", "policy_document")
    policy_name: Required[PolicyName] = MISSING
    policy_document: Required[PolicyDocument] = MISSING
    tags: list[Tag] | None = None


class CreatePolicyResponse(Shape):
    policy_name: PolicyName | None = None
    policy_arn: str | None = None
    policy_document: PolicyDocument | None = None
    policy_version_id: PolicyVersionId | None = None


class CreatePolicyVersionRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("policy_name", "policy_document")
    policy_name: Required[PolicyName] = MISSING
    policy_document: Required[PolicyDocument] = MISSING
    set_as_default: bool | None = None


class CreatePolicyVersionResponse(Shape):
    policy_arn: str | None = None
    policy_document: PolicyDocument | None = None
    policy_version_id: PolicyVersionId | None = None
    is_default_version: bool | None = None


class CreateProvisioningClaimRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("template_name",)
    template_name: Required[TemplateName] = MISSING


class CreateProvisioningClaimResponse(Shape):
    certificate_id: CertificateId | None = None
    certificate_pem: CertificatePem | None = None
    key_pair: KeyPair | None = None
    expiration: float | None = None


class CreateProvisioningTemplateRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("template_name", "template_body", "provisioning_role_arn")
    template_name: Required[TemplateName] = MISSING
    description: TemplateDescription | None = None
    template_body: Required[TemplateBody] = MISSING
    enabled: bool | None = None
    provisioning_role_arn: Required[RoleArn] = MISSING
    pre_provisioning_hook: ProvisioningHook | None = None
    tags: list[Tag] | None = None
    type: TemplateType | None = None


class CreateProvisioningTemplateResponse(Shape):
    template_arn: str | None = None
    template_name: TemplateName | None = None
    default_version_id: Integer | None = None


class CreateProvisioningTemplateVersionRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("template_name", "template_body")
    template_name: Required[TemplateName] = MISSING
    template_body: Required[TemplateBody] = MISSING
    set_as_default: bool | None = None


class CreateProvisioningTemplateVersionResponse(Shape):
    template_arn: str | None = None
    template_name: TemplateName | None = None
    version_id: Integer | None = None
    is_default_version: bool | None = None


class CreateRoleAliasRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("role_alias", "role_arn")
    role_alias: Required[RoleAlias] = MISSING
    role_arn: Required[RoleArn] = MISSING
    credential_duration_seconds: CredentialDurationSeconds | None = None
    tags: list[Tag] | None = None


class CreateRoleAliasResponse(Shape):
    role_alias: RoleAlias | None = None
    role_alias_arn: RoleAliasArn | None = None


class CreateStreamRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("stream_id", "files", "role_arn")
    stream_id: Required[StreamId] = MISSING
    description: StreamDescription | None = None
    files: Required[StreamFiles] = MISSING
    role_arn: Required[RoleArn] = MISSING
    tags: list[Tag] | None = None


class CreateStreamResponse(Shape):
    stream_id: StreamId | None = None
    stream_arn: str | None = None
    description: StreamDescription | None = None
    stream_version: StreamVersion | None = None


class CreateThingGroupRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_group_name",)
    thing_group_name: Required[ThingGroupName] = MISSING
    parent_group_name: ThingGroupName | None = None
    thing_group_properties: ThingGroupProperties | None = None
    tags: list[Tag] | None = None


class CreateThingGroupResponse(Shape):
    thing_group_name: ThingGroupName | None = None
    thing_group_arn: str | None = None
    thing_group_id: ThingGroupId | None = None


class CreateThingRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_name",)
    thing_name: Required[ThingName] = MISSING
    thing_type_name: ThingTypeName | None = None
    attribute_payload: AttributePayload | None = None
    billing_group_name: BillingGroupName | None = None


class CreateThingResponse(Shape):
    thing_name: ThingName | None = None
    thing_arn: str | None = None
    thing_id: str | None = None


class CreateThingTypeRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_type_name",)
    thing_type_name: Required[ThingTypeName] = MISSING
    thing_type_properties: ThingTypeProperties | None = None
    tags: list[Tag] | None = None


class CreateThingTypeResponse(Shape):
    thing_type_name: ThingTypeName | None = None
    thing_type_arn: str | None = None
    thing_type_id: str | None = None


class CustomCodeSigning(Shape):
    signature: CodeSigningSignature | None = None
    certificate_chain: CodeSigningCertificateChain | None = None
    hash_algorithm: str | None = None
    signature_algorithm: str | None = None


class DeleteAuthorizerRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("authorizer_name",)
    authorizer_name: Required[AuthorizerName] = MISSING


class DeleteAuthorizerResponse(Shape):
    pass


class DeleteBillingGroupRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("billing_group_name",)
    billing_group_name: Required[BillingGroupName] = MISSING
    expected_version: Long | None = None


class DeleteBillingGroupResponse(Shape):
    pass


class DeleteCACertificateRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("certificate_id",)
    certificate_id: Required[CertificateId] = MISSING


class DeleteCACertificateResponse(Shape):
    pass


class DeleteCertificateRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("certificate_id",)
    certificate_id: Required[CertificateId] = MISSING
    force_delete: bool | None = None


class DeleteCommandExecutionRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("execution_id", "target_arn")
    execution_id: Required[CommandExecutionId] = MISSING
    target_arn: Required[TargetArn] = MISSING


class DeleteCommandExecutionResponse(Shape):
    pass


class DeleteCommandRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("command_id",)
    command_id: Required[CommandId] = MISSING


class DeleteCommandResponse(Shape):
    status_code: Integer | None = None


class DeleteDomainConfigurationRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("domain_configuration_name",)
    domain_configuration_name: Required[DomainConfigurationName] = MISSING


class DeleteDomainConfigurationResponse(Shape):
    pass


class DeleteDynamicThingGroupRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_group_name",)
    thing_group_name: Required[ThingGroupName] = MISSING
    expected_version: Long | None = None


class DeleteDynamicThingGroupResponse(Shape):
    pass


class DeleteJobExecutionRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("job_id", "thing_name", "execution_number")
    job_id: Required[JobId] = MISSING
    thing_name: Required[ThingName] = MISSING
    execution_number: Required[Long] = MISSING
    force: bool | None = None
    namespace_id: NamespaceId | None = None


class DeleteJobRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("job_id",)
    job_id: Required[JobId] = MISSING
    force: bool | None = None
    namespace_id: NamespaceId | None = None


class DeleteJobTemplateRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("job_template_id",)
    job_template_id: Required[JobTemplateId] = MISSING


class DeleteOTAUpdateRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("ota_update_id",)
    ota_update_id: Required[OTAUpdateId] = MISSING
    delete_stream: bool | None = None
    force_delete_aws_job: bool | None = field(default=None, name="forceDeleteAWSJob")


class DeleteOTAUpdateResponse(Shape):
    pass


class DeletePackageRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("package_name",)
    package_name: Required[PackageName] = MISSING
    client_token: ClientToken | None = None


class DeletePackageResponse(Shape):
    pass


class DeletePackageVersionRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("package_name", "version_name")
    package_name: Required[PackageName] = MISSING
    version_name: Required[VersionName] = MISSING
    client_token: ClientToken | None = None


class DeletePackageVersionResponse(Shape):
    pass


class DeletePolicyRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("policy_name",)
    policy_name: Required[PolicyName] = MISSING


class DeletePolicyVersionRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("policy_name", "policy_version_id")
    policy_name: Required[PolicyName] = MISSING
    policy_version_id: Required[PolicyVersionId] = MISSING


class DeleteProvisioningTemplateRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("template_name",)
    template_name: Required[TemplateName] = MISSING


class DeleteProvisioningTemplateResponse(Shape):
    pass


class DeleteProvisioningTemplateVersionRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("template_name", "version_id")
    template_name: Required[TemplateName] = MISSING
    version_id: Required[Integer] = MISSING


class DeleteProvisioningTemplateVersionResponse(Shape):
    pass


class DeleteRegistrationCodeRequest(Shape):
    pass


class DeleteRegistrationCodeResponse(Shape):
    pass


class DeleteRoleAliasRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("role_alias",)
    role_alias: Required[RoleAlias] = MISSING


class DeleteRoleAliasResponse(Shape):
    pass


class DeleteStreamRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("stream_id",)
    stream_id: Required[StreamId] = MISSING


class DeleteStreamResponse(Shape):
    pass


class DeleteThingGroupRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_group_name",)
    thing_group_name: Required[ThingGroupName] = MISSING
    expected_version: Long | None = None


class DeleteThingGroupResponse(Shape):
    pass


class DeleteThingRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_name",)
    thing_name: Required[ThingName] = MISSING
    expected_version: Long | None = None


class DeleteThingResponse(Shape):
    pass


class DeleteThingTypeRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_type_name",)
    thing_type_name: Required[ThingTypeName] = MISSING


class DeleteThingTypeResponse(Shape):
    pass


class Denied(Shape):
    implicit_deny: ImplicitDeny | None = None
    explicit_deny: ExplicitDeny | None = None


class DeprecateThingTypeRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_type_name",)
    thing_type_name: Required[ThingTypeName] = MISSING
    undo_deprecate: bool | None = None


class DeprecateThingTypeResponse(Shape):
    pass


class DescribeAuthorizerRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("authorizer_name",)
    authorizer_name: Required[AuthorizerName] = MISSING


class DescribeAuthorizerResponse(Shape):
    authorizer_description: AuthorizerDescription | None = None


class DescribeBillingGroupRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("billing_group_name",)
    billing_group_name: Required[BillingGroupName] = MISSING


class DescribeBillingGroupResponse(Shape):
    billing_group_name: BillingGroupName | None = None
    billing_group_id: BillingGroupId | None = None
    billing_group_arn: str | None = None
    version: Long | None = None
    billing_group_properties: BillingGroupProperties | None = None
    billing_group_metadata: BillingGroupMetadata | None = None


class DescribeCACertificateRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("certificate_id",)
    certificate_id: Required[CertificateId] = MISSING


class DescribeCACertificateResponse(Shape):
    certificate_description: CACertificateDescription | None = None
    registration_config: RegistrationConfig | None = None


class DescribeCertificateRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("certificate_id",)
    certificate_id: Required[CertificateId] = MISSING


class DescribeCertificateResponse(Shape):
    certificate_description: CertificateDescription | None = None


class DescribeDefaultAuthorizerRequest(Shape):
    pass


class DescribeDefaultAuthorizerResponse(Shape):
    authorizer_description: AuthorizerDescription | None = None


class DescribeDomainConfigurationRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("domain_configuration_name",)
    domain_configuration_name: Required[ReservedDomainConfigurationName] = MISSING


class DescribeDomainConfigurationResponse(Shape):
    domain_configuration_name: ReservedDomainConfigurationName | None = None
    domain_configuration_arn: str | None = None
    domain_name: DomainName | None = None
    server_certificates: list[ServerCertificateSummary] | None = None
    authorizer_config: AuthorizerConfig | None = None
    domain_configuration_status: DomainConfigurationStatus | None = None
    service_type: ServiceType | None = None
    domain_type: DomainType | None = None
    last_status_change_date: float | None = None
    tls_config: TlsConfig | None = None
    server_certificate_config: ServerCertificateConfig | None = None
    authentication_type: AuthenticationType | None = None
    application_protocol: ApplicationProtocol | None = None
    client_certificate_config: ClientCertificateConfig | None = None


class DescribeEndpointRequest(Shape):
    endpoint_type: EndpointType | None = None


class DescribeEndpointResponse(Shape):
    endpoint_address: str | None = None


class DescribeEventConfigurationsRequest(Shape):
    pass


class DescribeEventConfigurationsResponse(Shape):
    event_configurations: dict[EventType, Configuration] | None = None
    creation_date: float | None = None
    last_modified_date: float | None = None


class DescribeIndexRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("index_name",)
    index_name: Required[IndexName] = MISSING


class DescribeIndexResponse(Shape):
    index_name: IndexName | None = None
    index_status: IndexStatus | None = None
    schema: str | None = None


class DescribeJobExecutionRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("job_id", "thing_name")
    job_id: Required[JobId] = MISSING
    thing_name: Required[ThingName] = MISSING
    execution_number: Long | None = None


class DescribeJobExecutionResponse(Shape):
    execution: JobExecution | None = None


class DescribeJobRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("job_id",)
    job_id: Required[JobId] = MISSING
    before_substitution: bool | None = None


class DescribeJobResponse(Shape):
    document_source: JobDocumentSource | None = None
    job: Job | None = None


class DescribeJobTemplateRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("job_template_id",)
    job_template_id: Required[JobTemplateId] = MISSING


class DescribeJobTemplateResponse(Shape):
    job_template_arn: JobTemplateArn | None = None
    job_template_id: JobTemplateId | None = None
    description: JobDescription | None = None
    document_source: JobDocumentSource | None = None
    document: JobDocument | None = None
    created_at: float | None = None
    presigned_url_config: PresignedUrlConfig | None = None
    job_executions_rollout_config: JobExecutionsRolloutConfig | None = None
    abort_config: AbortConfig | None = None
    timeout_config: TimeoutConfig | None = None
    job_executions_retry_config: JobExecutionsRetryConfig | None = None
    maintenance_windows: list[MaintenanceWindow] | None = None
    destination_package_versions: DestinationPackageVersions | None = None


class DescribeManagedJobTemplateRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("template_name",)
    template_name: Required[ManagedJobTemplateName] = MISSING
    template_version: ManagedTemplateVersion | None = None


class DescribeManagedJobTemplateResponse(Shape):
    template_name: ManagedJobTemplateName | None = None
    template_arn: JobTemplateArn | None = None
    description: JobDescription | None = None
    template_version: ManagedTemplateVersion | None = None
    environments: list[Environment] | None = None
    document_parameters: list[DocumentParameter] | None = None
    document: JobDocument | None = None


class DescribeProvisioningTemplateRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("template_name",)
    template_name: Required[TemplateName] = MISSING


class DescribeProvisioningTemplateResponse(Shape):
    template_arn: str | None = None
    template_name: TemplateName | None = None
    description: TemplateDescription | None = None
    creation_date: float | None = None
    last_modified_date: float | None = None
    default_version_id: Integer | None = None
    template_body: TemplateBody | None = None
    enabled: bool | None = None
    provisioning_role_arn: RoleArn | None = None
    pre_provisioning_hook: ProvisioningHook | None = None
    type: TemplateType | None = None


class DescribeProvisioningTemplateVersionRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("template_name", "version_id")
    template_name: Required[TemplateName] = MISSING
    version_id: Required[Integer] = MISSING


class DescribeProvisioningTemplateVersionResponse(Shape):
    version_id: Integer | None = None
    creation_date: float | None = None
    template_body: TemplateBody | None = None
    is_default_version: bool | None = None


class DescribeRoleAliasRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("role_alias",)
    role_alias: Required[RoleAlias] = MISSING


class DescribeRoleAliasResponse(Shape):
    role_alias_description: RoleAliasDescription | None = None


class DescribeStreamRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("stream_id",)
    stream_id: Required[StreamId] = MISSING


class DescribeStreamResponse(Shape):
    stream_info: StreamInfo | None = None


class DescribeThingGroupRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_group_name",)
    thing_group_name: Required[ThingGroupName] = MISSING


class DescribeThingGroupResponse(Shape):
    thing_group_name: ThingGroupName | None = None
    thing_group_id: ThingGroupId | None = None
    thing_group_arn: str | None = None
    version: Long | None = None
    thing_group_properties: ThingGroupProperties | None = None
    thing_group_metadata: ThingGroupMetadata | None = None
    index_name: IndexName | None = None
    query_string: QueryString | None = None
    query_version: str | None = None
    status: DynamicGroupStatus | None = None


class DescribeThingRegistrationTaskRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("task_id",)
    task_id: Required[TaskId] = MISSING


class DescribeThingRegistrationTaskResponse(Shape):
    task_id: TaskId | None = None
    creation_date: float | None = None
    last_modified_date: float | None = None
    template_body: TemplateBody | None = None
    input_file_bucket: RegistryS3BucketName | None = None
    input_file_key: RegistryS3KeyName | None = None
    role_arn: RoleArn | None = None
    status: Status | None = None
    message: ErrorMessage | None = None
    success_count: Integer | None = None
    failure_count: Integer | None = None
    percentage_progress: Percentage | None = None


class DescribeThingRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_name",)
    thing_name: Required[ThingName] = MISSING


class DescribeThingResponse(Shape):
    default_client_id: str | None = None
    thing_name: ThingName | None = None
    thing_id: str | None = None
    thing_arn: str | None = None
    thing_type_name: ThingTypeName | None = None
    attributes: dict[AttributeName, AttributeValue] | None = None
    version: Long | None = None
    billing_group_name: BillingGroupName | None = None


class DescribeThingTypeRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_type_name",)
    thing_type_name: Required[ThingTypeName] = MISSING


class DescribeThingTypeResponse(Shape):
    thing_type_name: ThingTypeName | None = None
    thing_type_id: str | None = None
    thing_type_arn: str | None = None
    thing_type_properties: ThingTypeProperties | None = None
    thing_type_metadata: ThingTypeMetadata | None = None


class Destination(Shape):
    s3_destination: S3Destination | None = None


class DetachPolicyRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("policy_name", "target")
    policy_name: Required[PolicyName] = MISSING
    target: Required[str] = MISSING


class DetachPrincipalPolicyRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("policy_name", "principal")
    policy_name: Required[PolicyName] = MISSING
    principal: Required[str] = MISSING


class DetachThingPrincipalRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_name", "principal")
    thing_name: Required[ThingName] = MISSING
    principal: Required[str] = MISSING


class DetachThingPrincipalResponse(Shape):
    pass


class DisassociateSbomFromPackageVersionRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("package_name", "version_name")
    package_name: Required[PackageName] = MISSING
    version_name: Required[VersionName] = MISSING
    client_token: ClientToken | None = None


class DisassociateSbomFromPackageVersionResponse(Shape):
    pass


class DocumentParameter(Shape):
    key: ParameterKey | None = None
    description: JobDescription | None = None
    regex: str | None = None
    example: Example | None = None
    optional: bool | None = None


class DomainConfigurationSummary(Shape):
    domain_configuration_name: ReservedDomainConfigurationName | None = None
    domain_configuration_arn: str | None = None
    service_type: ServiceType | None = None


class EffectivePolicy(Shape):
    policy_name: PolicyName | None = None
    policy_arn: str | None = None
    policy_document: PolicyDocument | None = None


class ErrorInfo(Shape):
    code: str | None = None
    message: str | None = None


class ExplicitDeny(Shape):
    policies: list[Policy] | None = None


class ExponentialRolloutRate(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("base_rate_per_minute", "increment_factor", "rate_increase_criteria")
    base_rate_per_minute: Required[RolloutRatePerMinute] = MISSING
    increment_factor: Required[IncrementFactor] = MISSING
    rate_increase_criteria: Required[RateIncreaseCriteria] = MISSING


class Field(Shape):
    name: str | None = None
    type: FieldType | None = None


class FileLocation(Shape):
    stream: Stream | None = None
    s3_location: S3Location | None = None


class GeoLocationTarget(Shape):
    name: str | None = None
    order: TargetFieldOrder | None = None


class GetBucketsAggregationRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("query_string", "aggregation_field", "buckets_aggregation_type")
    index_name: IndexName | None = None
    query_string: Required[QueryString] = MISSING
    aggregation_field: Required[AggregationField] = MISSING
    query_version: str | None = None
    buckets_aggregation_type: Required[BucketsAggregationType] = MISSING


class GetBucketsAggregationResponse(Shape):
    total_count: Integer | None = None
    buckets: list[Bucket] | None = None


class GetCardinalityRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("query_string",)
    index_name: IndexName | None = None
    query_string: Required[QueryString] = MISSING
    aggregation_field: AggregationField | None = None
    query_version: str | None = None


class GetCardinalityResponse(Shape):
    cardinality: Integer | None = None


class GetCommandExecutionRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("execution_id", "target_arn")
    execution_id: Required[CommandExecutionId] = MISSING
    target_arn: Required[TargetArn] = MISSING
    include_result: bool | None = None


class GetCommandExecutionResponse(Shape):
    execution_id: CommandExecutionId | None = None
    command_arn: str | None = None
    target_arn: TargetArn | None = None
    status: CommandExecutionStatus | None = None
    status_reason: StatusReason | None = None
    result: CommandExecutionResultMap | None = None
    parameters: CommandExecutionParameterMap | None = None
    execution_timeout_seconds: CommandExecutionTimeoutInSeconds | None = None
    created_at: float | None = None
    last_updated_at: float | None = None
    started_at: float | None = None
    completed_at: float | None = None
    time_to_live: float | None = None


class GetCommandRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("command_id",)
    command_id: Required[CommandId] = MISSING


class GetCommandResponse(Shape):
    command_id: CommandId | None = None
    command_arn: str | None = None
    namespace: CommandNamespace | None = None
    display_name: DisplayName | None = None
    description: CommandDescription | None = None
    mandatory_parameters: CommandParameterList | None = None
    payload: CommandPayload | None = None
    payload_template: CommandPayloadTemplateString | None = None
    preprocessor: CommandPreprocessor | None = None
    role_arn: RoleArn | None = None
    created_at: float | None = None
    last_updated_at: float | None = None
    deprecated: bool | None = None
    pending_deletion: bool | None = None


class GetEffectivePoliciesRequest(Shape):
    principal: str | None = None
    cognito_identity_pool_id: str | None = None
    thing_name: ThingName | None = None


class GetEffectivePoliciesResponse(Shape):
    effective_policies: list[EffectivePolicy] | None = None


class GetIndexingConfigurationRequest(Shape):
    pass


class GetIndexingConfigurationResponse(Shape):
    thing_indexing_configuration: ThingIndexingConfiguration | None = None
    thing_group_indexing_configuration: ThingGroupIndexingConfiguration | None = None


class GetJobDocumentRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("job_id",)
    job_id: Required[JobId] = MISSING
    before_substitution: bool | None = None


class GetJobDocumentResponse(Shape):
    document: JobDocument | None = None


class GetOTAUpdateRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("ota_update_id",)
    ota_update_id: Required[OTAUpdateId] = MISSING


class GetOTAUpdateResponse(Shape):
    ota_update_info: OTAUpdateInfo | None = None


class GetPackageConfigurationRequest(Shape):
    pass


class GetPackageConfigurationResponse(Shape):
    version_update_by_jobs_config: VersionUpdateByJobsConfig | None = None


class GetPackageRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("package_name",)
    package_name: Required[PackageName] = MISSING


class GetPackageResponse(Shape):
    package_name: PackageName | None = None
    package_arn: str | None = None
    description: ResourceDescription | None = None
    default_version_name: VersionName | None = None
    creation_date: float | None = None
    last_modified_date: float | None = None


class GetPackageVersionRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("package_name", "version_name")
    package_name: Required[PackageName] = MISSING
    version_name: Required[VersionName] = MISSING


class GetPackageVersionResponse(Shape):
    package_version_arn: PackageVersionArn | None = None
    package_name: PackageName | None = None
    version_name: VersionName | None = None
    description: ResourceDescription | None = None
    attributes: dict[ResourceAttributeKey, ResourceAttributeValue] | None = None
    artifact: PackageVersionArtifact | None = None
    status: PackageVersionStatus | None = None
    error_reason: str | None = None
    creation_date: float | None = None
    last_modified_date: float | None = None
    sbom: Sbom | None = None
    sbom_validation_status: SbomValidationStatus | None = None
    recipe: PackageVersionRecipe | None = None


class GetPercentilesRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("query_string",)
    index_name: IndexName | None = None
    query_string: Required[QueryString] = MISSING
    aggregation_field: AggregationField | None = None
    query_version: str | None = None
    percents: list[Percent] | None = None


class GetPercentilesResponse(Shape):
    percentiles: list[PercentPair] | None = None


class GetPolicyRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("policy_name",)
    policy_name: Required[PolicyName] = MISSING


class GetPolicyResponse(Shape):
    policy_name: PolicyName | None = None
    policy_arn: str | None = None
    policy_document: PolicyDocument | None = None
    default_version_id: PolicyVersionId | None = None
    creation_date: float | None = None
    last_modified_date: float | None = None
    generation_id: str | None = None


class GetPolicyVersionRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("policy_name", "policy_version_id")
    policy_name: Required[PolicyName] = MISSING
    policy_version_id: Required[PolicyVersionId] = MISSING


class GetPolicyVersionResponse(Shape):
    policy_arn: str | None = None
    policy_name: PolicyName | None = None
    policy_document: PolicyDocument | None = None
    policy_version_id: PolicyVersionId | None = None
    is_default_version: bool | None = None
    creation_date: float | None = None
    last_modified_date: float | None = None
    generation_id: str | None = None


class GetRegistrationCodeRequest(Shape):
    pass


class GetRegistrationCodeResponse(Shape):
    registration_code: RegistrationCode | None = None


class GetStatisticsRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("query_string",)
    index_name: IndexName | None = None
    query_string: Required[QueryString] = MISSING
    aggregation_field: AggregationField | None = None
    query_version: str | None = None


class GetStatisticsResponse(Shape):
    statistics: Statistics | None = None


class GetThingConnectivityDataRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_name",)
    thing_name: Required[ConnectivityApiThingName] = MISSING
    include_socket_information: bool | None = None


class GetThingConnectivityDataResponse(Shape):
    thing_name: ConnectivityApiThingName | None = None
    connected: bool | None = None
    timestamp: float | None = None
    disconnect_reason: DisconnectReasonValue | None = None
    source_ip: str | None = None
    source_port: Integer | None = None
    target_ip: str | None = None
    target_port: Integer | None = None
    vpc_endpoint_id: str | None = None
    keep_alive_duration: Integer | None = None
    clean_session: bool | None = None
    session_expiry: Long | None = None
    client_id: str | None = None


class GroupNameAndArn(Shape):
    group_name: ThingGroupName | None = None
    group_arn: str | None = None


class HttpContext(Shape):
    headers: dict[HttpHeaderName, HttpHeaderValue] | None = None
    query_string: HttpQueryString | None = None


class ImplicitDeny(Shape):
    policies: list[Policy] | None = None


class IndexingFilter(Shape):
    named_shadow_names: list[ShadowName] | None = None
    geo_locations: list[GeoLocationTarget] | None = None
    connectivity: ConnectivityFilter | None = None


class Job(Shape):
    job_arn: str | None = None
    job_id: JobId | None = None
    target_selection: TargetSelection | None = None
    status: JobStatus | None = None
    force_canceled: bool | None = None
    reason_code: ReasonCode | None = None
    comment: Comment | None = None
    targets: JobTargets | None = None
    description: JobDescription | None = None
    presigned_url_config: PresignedUrlConfig | None = None
    job_executions_rollout_config: JobExecutionsRolloutConfig | None = None
    abort_config: AbortConfig | None = None
    created_at: float | None = None
    last_updated_at: float | None = None
    completed_at: float | None = None
    job_process_details: JobProcessDetails | None = None
    timeout_config: TimeoutConfig | None = None
    namespace_id: NamespaceId | None = None
    job_template_arn: JobTemplateArn | None = None
    job_executions_retry_config: JobExecutionsRetryConfig | None = None
    document_parameters: dict[ParameterKey, ParameterValue] | None = None
    is_concurrent: bool | None = None
    scheduling_config: SchedulingConfig | None = None
    scheduled_job_rollouts: list[ScheduledJobRollout] | None = None
    destination_package_versions: DestinationPackageVersions | None = None


class JobExecution(Shape):
    job_id: JobId | None = None
    status: JobExecutionStatus | None = None
    force_canceled: bool | None = None
    status_details: JobExecutionStatusDetails | None = None
    thing_arn: str | None = None
    queued_at: float | None = None
    started_at: float | None = None
    last_updated_at: float | None = None
    execution_number: Long | None = None
    version_number: Long | None = None
    approximate_seconds_before_timed_out: Long | None = None


class JobExecutionStatusDetails(Shape):
    details_map: DetailsMap | None = None


class JobExecutionSummary(Shape):
    status: JobExecutionStatus | None = None
    queued_at: float | None = None
    started_at: float | None = None
    last_updated_at: float | None = None
    execution_number: Long | None = None
    retry_attempt: Integer | None = None


class JobExecutionSummaryForJob(Shape):
    thing_arn: str | None = None
    job_execution_summary: JobExecutionSummary | None = None


class JobExecutionSummaryForThing(Shape):
    job_id: JobId | None = None
    job_execution_summary: JobExecutionSummary | None = None


class JobExecutionsRetryConfig(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("criteria_list",)
    criteria_list: Required[RetryCriteriaList] = MISSING


class JobExecutionsRolloutConfig(Shape):
    maximum_per_minute: MaxJobExecutionsPerMin | None = None
    exponential_rate: ExponentialRolloutRate | None = None


class JobProcessDetails(Shape):
    processing_targets: list[str] | None = None
    number_of_canceled_things: Integer | None = None
    number_of_succeeded_things: Integer | None = None
    number_of_failed_things: Integer | None = None
    number_of_rejected_things: Integer | None = None
    number_of_queued_things: Integer | None = None
    number_of_in_progress_things: Integer | None = None
    number_of_removed_things: Integer | None = None
    number_of_timed_out_things: Integer | None = None


class JobSummary(Shape):
    job_arn: str | None = None
    job_id: JobId | None = None
    thing_group_id: ThingGroupId | None = None
    target_selection: TargetSelection | None = None
    status: JobStatus | None = None
    created_at: float | None = None
    last_updated_at: float | None = None
    completed_at: float | None = None
    is_concurrent: bool | None = None


class JobTemplateSummary(Shape):
    job_template_arn: JobTemplateArn | None = None
    job_template_id: JobTemplateId | None = None
    description: JobDescription | None = None
    created_at: float | None = None


class KeyPair(Shape):
    public_key: PublicKey | None = field(default=None, name="PublicKey")
    private_key: PrivateKey | None = field(default=None, name="PrivateKey")


class ListAttachedPoliciesRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("target",)
    target: Required[str] = MISSING
    recursive: bool | None = None
    marker: Marker | None = None
    page_size: PageSize | None = None


class ListAttachedPoliciesResponse(Shape):
    policies: list[Policy] | None = None
    next_marker: Marker | None = None


class ListAuthorizersRequest(Shape):
    page_size: PageSize | None = None
    marker: Marker | None = None
    ascending_order: bool | None = None
    status: AuthorizerStatus | None = None


class ListAuthorizersResponse(Shape):
    authorizers: list[AuthorizerSummary] | None = None
    next_marker: Marker | None = None


class ListBillingGroupsRequest(Shape):
    next_token: str | None = None
    max_results: RegistryMaxResults | None = None
    name_prefix_filter: BillingGroupName | None = None


class ListBillingGroupsResponse(Shape):
    billing_groups: list[GroupNameAndArn] | None = None
    next_token: str | None = None


class ListCACertificatesRequest(Shape):
    page_size: PageSize | None = None
    marker: Marker | None = None
    ascending_order: bool | None = None
    template_name: TemplateName | None = None


class ListCACertificatesResponse(Shape):
    certificates: list[CACertificate] | None = None
    next_marker: Marker | None = None


class ListCertificatesByCARequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("ca_certificate_id",)
    ca_certificate_id: Required[CertificateId] = MISSING
    page_size: PageSize | None = None
    marker: Marker | None = None
    ascending_order: bool | None = None


class ListCertificatesByCAResponse(Shape):
    certificates: list[Certificate] | None = None
    next_marker: Marker | None = None


class ListCertificatesRequest(Shape):
    page_size: PageSize | None = None
    marker: Marker | None = None
    ascending_order: bool | None = None


class ListCertificatesResponse(Shape):
    certificates: list[Certificate] | None = None
    next_marker: Marker | None = None


class ListCommandExecutionsRequest(Shape):
    max_results: CommandMaxResults | None = None
    next_token: str | None = None
    namespace: CommandNamespace | None = None
    status: CommandExecutionStatus | None = None
    sort_order: SortOrder | None = None
    started_time_filter: TimeFilter | None = None
    completed_time_filter: TimeFilter | None = None
    target_arn: TargetArn | None = None
    command_arn: str | None = None


class ListCommandExecutionsResponse(Shape):
    command_executions: list[CommandExecutionSummary] | None = None
    next_token: str | None = None


class ListCommandsRequest(Shape):
    max_results: CommandMaxResults | None = None
    next_token: str | None = None
    namespace: CommandNamespace | None = None
    command_parameter_name: CommandParameterName | None = None
    sort_order: SortOrder | None = None


class ListCommandsResponse(Shape):
    commands: list[CommandSummary] | None = None
    next_token: str | None = None


class ListDomainConfigurationsRequest(Shape):
    marker: Marker | None = None
    page_size: PageSize | None = None
    service_type: ServiceType | None = None


class ListDomainConfigurationsResponse(Shape):
    domain_configurations: list[DomainConfigurationSummary] | None = None
    next_marker: Marker | None = None


class ListIndicesRequest(Shape):
    next_token: str | None = None
    max_results: QueryMaxResults | None = None


class ListIndicesResponse(Shape):
    index_names: list[IndexName] | None = None
    next_token: str | None = None


class ListJobExecutionsForJobRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("job_id",)
    job_id: Required[JobId] = MISSING
    status: JobExecutionStatus | None = None
    max_results: LaserMaxResults | None = None
    next_token: str | None = None


class ListJobExecutionsForJobResponse(Shape):
    execution_summaries: list[JobExecutionSummaryForJob] | None = None
    next_token: str | None = None


class ListJobExecutionsForThingRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_name",)
    thing_name: Required[ThingName] = MISSING
    status: JobExecutionStatus | None = None
    namespace_id: NamespaceId | None = None
    max_results: LaserMaxResults | None = None
    next_token: str | None = None
    job_id: JobId | None = None


class ListJobExecutionsForThingResponse(Shape):
    execution_summaries: list[JobExecutionSummaryForThing] | None = None
    next_token: str | None = None


class ListJobTemplatesRequest(Shape):
    max_results: LaserMaxResults | None = None
    next_token: str | None = None


class ListJobTemplatesResponse(Shape):
    job_templates: list[JobTemplateSummary] | None = None
    next_token: str | None = None


class ListJobsRequest(Shape):
    status: JobStatus | None = None
    target_selection: TargetSelection | None = None
    max_results: LaserMaxResults | None = None
    next_token: str | None = None
    thing_group_name: ThingGroupName | None = None
    thing_group_id: ThingGroupId | None = None
    namespace_id: NamespaceId | None = None


class ListJobsResponse(Shape):
    jobs: list[JobSummary] | None = None
    next_token: str | None = None


class ListManagedJobTemplatesRequest(Shape):
    template_name: ManagedJobTemplateName | None = None
    max_results: LaserMaxResults | None = None
    next_token: str | None = None


class ListManagedJobTemplatesResponse(Shape):
    managed_job_templates: list[ManagedJobTemplateSummary] | None = None
    next_token: str | None = None


class ListOTAUpdatesRequest(Shape):
    max_results: MaxResults | None = None
    next_token: str | None = None
    ota_update_status: OTAUpdateStatus | None = None


class ListOTAUpdatesResponse(Shape):
    ota_updates: list[OTAUpdateSummary] | None = None
    next_token: str | None = None


class ListPackageVersionsRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("package_name",)
    package_name: Required[PackageName] = MISSING
    status: PackageVersionStatus | None = None
    max_results: PackageCatalogMaxResults | None = None
    next_token: str | None = None


class ListPackageVersionsResponse(Shape):
    package_version_summaries: list[PackageVersionSummary] | None = None
    next_token: str | None = None


class ListPackagesRequest(Shape):
    max_results: PackageCatalogMaxResults | None = None
    next_token: str | None = None


class ListPackagesResponse(Shape):
    package_summaries: list[PackageSummary] | None = None
    next_token: str | None = None


class ListPoliciesRequest(Shape):
    marker: Marker | None = None
    page_size: PageSize | None = None
    ascending_order: bool | None = None


class ListPoliciesResponse(Shape):
    policies: list[Policy] | None = None
    next_marker: Marker | None = None


class ListPolicyPrincipalsRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("policy_name",)
    policy_name: Required[PolicyName] = MISSING
    marker: Marker | None = None
    page_size: PageSize | None = None
    ascending_order: bool | None = None


class ListPolicyPrincipalsResponse(Shape):
    principals: list[str] | None = None
    next_marker: Marker | None = None


class ListPolicyVersionsRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("policy_name",)
    policy_name: Required[PolicyName] = MISSING


class ListPolicyVersionsResponse(Shape):
    policy_versions: list[PolicyVersion] | None = None


class ListPrincipalPoliciesRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("principal",)
    principal: Required[str] = MISSING
    marker: Marker | None = None
    page_size: PageSize | None = None
    ascending_order: bool | None = None


class ListPrincipalPoliciesResponse(Shape):
    policies: list[Policy] | None = None
    next_marker: Marker | None = None


class ListPrincipalThingsRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("principal",)
    next_token: str | None = None
    max_results: RegistryMaxResults | None = None
    principal: Required[str] = MISSING


class ListPrincipalThingsResponse(Shape):
    things: list[ThingName] | None = None
    next_token: str | None = None


class ListPrincipalThingsV2Request(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("principal",)
    next_token: str | None = None
    max_results: RegistryMaxResults | None = None
    principal: Required[str] = MISSING
    thing_principal_type: ThingPrincipalType | None = None


class ListPrincipalThingsV2Response(Shape):
    principal_thing_objects: list[PrincipalThingObject] | None = None
    next_token: str | None = None


class ListProvisioningTemplateVersionsRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("template_name",)
    template_name: Required[TemplateName] = MISSING
    max_results: MaxResults | None = None
    next_token: str | None = None


class ListProvisioningTemplateVersionsResponse(Shape):
    versions: list[ProvisioningTemplateVersionSummary] | None = None
    next_token: str | None = None


class ListProvisioningTemplatesRequest(Shape):
    max_results: MaxResults | None = None
    next_token: str | None = None


class ListProvisioningTemplatesResponse(Shape):
    templates: list[ProvisioningTemplateSummary] | None = None
    next_token: str | None = None


class ListRoleAliasesRequest(Shape):
    page_size: PageSize | None = None
    marker: Marker | None = None
    ascending_order: bool | None = None


class ListRoleAliasesResponse(Shape):
    role_aliases: list[RoleAlias] | None = None
    next_marker: Marker | None = None


class ListSbomValidationResultsRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("package_name", "version_name")
    package_name: Required[PackageName] = MISSING
    version_name: Required[VersionName] = MISSING
    validation_result: SbomValidationResult | None = None
    max_results: PackageCatalogMaxResults | None = None
    next_token: str | None = None


class ListSbomValidationResultsResponse(Shape):
    validation_result_summaries: list[SbomValidationResultSummary] | None = None
    next_token: str | None = None


class ListStreamsRequest(Shape):
    max_results: MaxResults | None = None
    next_token: str | None = None
    ascending_order: bool | None = None


class ListStreamsResponse(Shape):
    streams: list[StreamSummary] | None = None
    next_token: str | None = None


class ListTagsForResourceRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("resource_arn",)
    resource_arn: Required[str] = MISSING
    next_token: str | None = None


class ListTagsForResourceResponse(Shape):
    tags: list[Tag] | None = None
    next_token: str | None = None


class ListTargetsForPolicyRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("policy_name",)
    policy_name: Required[PolicyName] = MISSING
    marker: Marker | None = None
    page_size: PageSize | None = None


class ListTargetsForPolicyResponse(Shape):
    targets: list[str] | None = None
    next_marker: Marker | None = None


class ListThingGroupsForThingRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_name",)
    thing_name: Required[ThingName] = MISSING
    next_token: str | None = None
    max_results: RegistryMaxResults | None = None


class ListThingGroupsForThingResponse(Shape):
    thing_groups: list[GroupNameAndArn] | None = None
    next_token: str | None = None


class ListThingGroupsRequest(Shape):
    next_token: str | None = None
    max_results: RegistryMaxResults | None = None
    parent_group: ThingGroupName | None = None
    name_prefix_filter: ThingGroupName | None = None
    recursive: bool | None = None


class ListThingGroupsResponse(Shape):
    thing_groups: list[GroupNameAndArn] | None = None
    next_token: str | None = None


class ListThingPrincipalsRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_name",)
    next_token: str | None = None
    max_results: RegistryMaxResults | None = None
    thing_name: Required[ThingName] = MISSING


class ListThingPrincipalsResponse(Shape):
    principals: list[str] | None = None
    next_token: str | None = None


class ListThingPrincipalsV2Request(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_name",)
    next_token: str | None = None
    max_results: RegistryMaxResults | None = None
    thing_name: Required[ThingName] = MISSING
    thing_principal_type: ThingPrincipalType | None = None


class ListThingPrincipalsV2Response(Shape):
    thing_principal_objects: list[ThingPrincipalObject] | None = None
    next_token: str | None = None


class ListThingRegistrationTaskReportsRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("task_id", "report_type")
    task_id: Required[TaskId] = MISSING
    report_type: Required[ReportType] = MISSING
    next_token: str | None = None
    max_results: RegistryMaxResults | None = None


class ListThingRegistrationTaskReportsResponse(Shape):
    resource_links: list[S3FileUrl] | None = None
    report_type: ReportType | None = None
    next_token: str | None = None


class ListThingRegistrationTasksRequest(Shape):
    next_token: str | None = None
    max_results: RegistryMaxResults | None = None
    status: Status | None = None


class ListThingRegistrationTasksResponse(Shape):
    task_ids: list[TaskId] | None = None
    next_token: str | None = None


class ListThingTypesRequest(Shape):
    next_token: str | None = None
    max_results: RegistryMaxResults | None = None
    thing_type_name: ThingTypeName | None = None


class ListThingTypesResponse(Shape):
    thing_types: list[ThingTypeDefinition] | None = None
    next_token: str | None = None


class ListThingsInBillingGroupRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("billing_group_name",)
    billing_group_name: Required[BillingGroupName] = MISSING
    next_token: str | None = None
    max_results: RegistryMaxResults | None = None


class ListThingsInBillingGroupResponse(Shape):
    things: list[ThingName] | None = None
    next_token: str | None = None


class ListThingsInThingGroupRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_group_name",)
    thing_group_name: Required[ThingGroupName] = MISSING
    recursive: bool | None = None
    next_token: str | None = None
    max_results: RegistryMaxResults | None = None


class ListThingsInThingGroupResponse(Shape):
    things: list[ThingName] | None = None
    next_token: str | None = None


class ListThingsRequest(Shape):
    next_token: str | None = None
    max_results: RegistryMaxResults | None = None
    attribute_name: AttributeName | None = None
    attribute_value: AttributeValue | None = None
    thing_type_name: ThingTypeName | None = None
    use_prefix_attribute_value: bool | None = None


class ListThingsResponse(Shape):
    things: list[ThingAttribute] | None = None
    next_token: str | None = None


class MaintenanceWindow(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("start_time", "duration_in_minutes")
    start_time: Required[CronExpression] = MISSING
    duration_in_minutes: Required[DurationInMinutes] = MISSING


class ManagedJobTemplateSummary(Shape):
    template_arn: JobTemplateArn | None = None
    template_name: ManagedJobTemplateName | None = None
    description: JobDescription | None = None
    environments: list[Environment] | None = None
    template_version: ManagedTemplateVersion | None = None


class Mqtt5Configuration(Shape):
    propagating_attributes: list[PropagatingAttribute] | None = None


class MqttContext(Shape):
    username: MqttUsername | None = None
    password: bytes | None = None
    client_id: MqttClientId | None = None


class OTAUpdateFile(Shape):
    file_name: str | None = None
    file_type: FileType | None = None
    file_version: str | None = None
    file_location: FileLocation | None = None
    code_signing: CodeSigning | None = None
    attributes: dict[str, Value] | None = None


class OTAUpdateInfo(Shape):
    ota_update_id: OTAUpdateId | None = None
    ota_update_arn: str | None = None
    creation_date: float | None = None
    last_modified_date: float | None = None
    description: OTAUpdateDescription | None = None
    targets: Targets | None = None
    protocols: Protocols | None = None
    aws_job_executions_rollout_config: AwsJobExecutionsRolloutConfig | None = None
    aws_job_presigned_url_config: AwsJobPresignedUrlConfig | None = None
    target_selection: TargetSelection | None = None
    ota_update_files: OTAUpdateFiles | None = None
    ota_update_status: OTAUpdateStatus | None = None
    aws_iot_job_id: str | None = None
    aws_iot_job_arn: str | None = None
    error_info: ErrorInfo | None = None
    additional_parameters: dict[str, Value] | None = None


class OTAUpdateSummary(Shape):
    ota_update_id: OTAUpdateId | None = None
    ota_update_arn: str | None = None
    creation_date: float | None = None


class PackageSummary(Shape):
    package_name: PackageName | None = None
    default_version_name: VersionName | None = None
    creation_date: float | None = None
    last_modified_date: float | None = None


class PackageVersionArtifact(Shape):
    s3_location: S3Location | None = None


class PackageVersionSummary(Shape):
    package_name: PackageName | None = None
    version_name: VersionName | None = None
    status: PackageVersionStatus | None = None
    creation_date: float | None = None
    last_modified_date: float | None = None


class PercentPair(Shape):
    percent: Percent | None = None
    value: Decimal | None = None


class Policy(Shape):
    policy_name: PolicyName | None = None
    policy_arn: str | None = None


class PolicyVersion(Shape):
    version_id: PolicyVersionId | None = None
    is_default_version: bool | None = None
    create_date: float | None = None


class PresignedUrlConfig(Shape):
    role_arn: RoleArn | None = None
    expires_in_sec: ExpiresInSec | None = None


class PrincipalThingObject(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_name",)
    thing_name: Required[ThingName] = MISSING
    thing_principal_type: ThingPrincipalType | None = None


class PropagatingAttribute(Shape):
    user_property_key: UserPropertyKeyName | None = None
    thing_attribute: AttributeName | None = None
    connection_attribute: ConnectionAttributeName | None = None


class ProvisioningHook(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("target_arn",)
    payload_version: PayloadVersion | None = None
    target_arn: Required[TargetArn] = MISSING


class ProvisioningTemplateSummary(Shape):
    template_arn: str | None = None
    template_name: TemplateName | None = None
    description: TemplateDescription | None = None
    creation_date: float | None = None
    last_modified_date: float | None = None
    enabled: bool | None = None
    type: TemplateType | None = None


class ProvisioningTemplateVersionSummary(Shape):
    version_id: Integer | None = None
    creation_date: float | None = None
    is_default_version: bool | None = None


class RateIncreaseCriteria(Shape):
    number_of_notified_things: NumberOfThings | None = None
    number_of_succeeded_things: NumberOfThings | None = None


class RegisterCACertificateRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("ca_certificate",)
    ca_certificate: Required[CertificatePem] = MISSING
    verification_certificate: CertificatePem | None = None
    set_as_active: bool | None = None
    allow_auto_registration: bool | None = None
    registration_config: RegistrationConfig | None = None
    tags: list[Tag] | None = None
    certificate_mode: CertificateMode | None = None


class RegisterCACertificateResponse(Shape):
    certificate_arn: str | None = None
    certificate_id: CertificateId | None = None


class RegisterCertificateRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("certificate_pem",)
    certificate_pem: Required[CertificatePem] = MISSING
    ca_certificate_pem: CertificatePem | None = None
    set_as_active: bool | None = None
    status: CertificateStatus | None = None


class RegisterCertificateResponse(Shape):
    certificate_arn: str | None = None
    certificate_id: CertificateId | None = None


class RegisterCertificateWithoutCARequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("certificate_pem",)
    certificate_pem: Required[CertificatePem] = MISSING
    status: CertificateStatus | None = None


class RegisterCertificateWithoutCAResponse(Shape):
    certificate_arn: str | None = None
    certificate_id: CertificateId | None = None


class RegisterThingRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("template_body",)
    template_body: Required[TemplateBody] = MISSING
    parameters: dict[Parameter, Value] | None = None


class RegisterThingResponse(Shape):
    certificate_pem: CertificatePem | None = None
    resource_arns: dict[str, str] | None = None


class RegistrationConfig(Shape):
    template_body: TemplateBody | None = None
    role_arn: RoleArn | None = None
    template_name: TemplateName | None = None


class RemoveThingFromBillingGroupRequest(Shape):
    billing_group_name: BillingGroupName | None = None
    billing_group_arn: str | None = None
    thing_name: ThingName | None = None
    thing_arn: str | None = None


class RemoveThingFromBillingGroupResponse(Shape):
    pass


class RemoveThingFromThingGroupRequest(Shape):
    thing_group_name: ThingGroupName | None = None
    thing_group_arn: str | None = None
    thing_name: ThingName | None = None
    thing_arn: str | None = None


class RemoveThingFromThingGroupResponse(Shape):
    pass


class RetryCriteria(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("failure_type", "number_of_retries")
    failure_type: Required[RetryableFailureType] = MISSING
    number_of_retries: Required[NumberOfRetries] = MISSING


class RoleAliasDescription(Shape):
    role_alias: RoleAlias | None = None
    role_alias_arn: RoleAliasArn | None = None
    role_arn: RoleArn | None = None
    owner: AwsAccountId | None = None
    credential_duration_seconds: CredentialDurationSeconds | None = None
    creation_date: float | None = None
    last_modified_date: float | None = None


class S3Destination(Shape):
    bucket: S3Bucket | None = None
    prefix: str | None = None


class S3Location(Shape):
    bucket: S3Bucket | None = None
    key: S3Key | None = None
    version: str | None = None


class Sbom(Shape):
    s3_location: S3Location | None = None


class SbomValidationResultSummary(Shape):
    file_name: str | None = None
    validation_result: SbomValidationResult | None = None
    error_code: SbomValidationErrorCode | None = None
    error_message: str | None = None


class ScheduledJobRollout(Shape):
    start_time: StringDateTime | None = None


class SchedulingConfig(Shape):
    start_time: StringDateTime | None = None
    end_time: StringDateTime | None = None
    end_behavior: JobEndBehavior | None = None
    maintenance_windows: list[MaintenanceWindow] | None = None


class SearchIndexRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("query_string",)
    index_name: IndexName | None = None
    query_string: Required[QueryString] = MISSING
    next_token: str | None = None
    max_results: SearchQueryMaxResults | None = None
    query_version: str | None = None


class SearchIndexResponse(Shape):
    next_token: str | None = None
    things: list[ThingDocument] | None = None
    thing_groups: list[ThingGroupDocument] | None = None


class ServerCertificateConfig(Shape):
    enable_ocsp_check: bool | None = field(default=None, name="enableOCSPCheck")
    ocsp_lambda_arn: OCSPLambdaArn | None = None
    ocsp_authorized_responder_arn: AcmCertificateArn | None = None


class ServerCertificateSummary(Shape):
    server_certificate_arn: AcmCertificateArn | None = None
    server_certificate_status: ServerCertificateStatus | None = None
    server_certificate_status_detail: str | None = None


class SetDefaultAuthorizerRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("authorizer_name",)
    authorizer_name: Required[AuthorizerName] = MISSING


class SetDefaultAuthorizerResponse(Shape):
    authorizer_name: AuthorizerName | None = None
    authorizer_arn: AuthorizerArn | None = None


class SetDefaultPolicyVersionRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("policy_name", "policy_version_id")
    policy_name: Required[PolicyName] = MISSING
    policy_version_id: Required[PolicyVersionId] = MISSING


class SigningProfileParameter(Shape):
    certificate_arn: str | None = None
    platform: str | None = None
    certificate_path_on_device: str | None = None


class StartSigningJobParameter(Shape):
    signing_profile_parameter: SigningProfileParameter | None = None
    signing_profile_name: str | None = None
    destination: Destination | None = None


class StartThingRegistrationTaskRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("template_body", "input_file_bucket", "input_file_key", "role_arn")
    template_body: Required[TemplateBody] = MISSING
    input_file_bucket: Required[RegistryS3BucketName] = MISSING
    input_file_key: Required[RegistryS3KeyName] = MISSING
    role_arn: Required[RoleArn] = MISSING


class StartThingRegistrationTaskResponse(Shape):
    task_id: TaskId | None = None


class Statistics(Shape):
    count: Integer | None = None
    average: Decimal | None = None
    sum: Decimal | None = None
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    sum_of_squares: Decimal | None = None
    variance: Decimal | None = None
    std_deviation: Decimal | None = None


class StatusReason(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("reason_code",)
    reason_code: Required[StatusReasonCode] = MISSING
    reason_description: StatusReasonDescription | None = None


class StopThingRegistrationTaskRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("task_id",)
    task_id: Required[TaskId] = MISSING


class StopThingRegistrationTaskResponse(Shape):
    pass


class Stream(Shape):
    stream_id: StreamId | None = None
    file_id: FileId | None = None


class StreamFile(Shape):
    file_id: FileId | None = None
    s3_location: S3Location | None = None


class StreamInfo(Shape):
    stream_id: StreamId | None = None
    stream_arn: str | None = None
    stream_version: StreamVersion | None = None
    description: StreamDescription | None = None
    files: StreamFiles | None = None
    created_at: float | None = None
    last_updated_at: float | None = None
    role_arn: RoleArn | None = None


class StreamSummary(Shape):
    stream_id: StreamId | None = None
    stream_arn: str | None = None
    stream_version: StreamVersion | None = None
    description: StreamDescription | None = None


class Tag(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("key",)
    key: Required[TagKey] = field(default=MISSING, name="Key")
    value: TagValue | None = field(default=None, name="Value")


class TagResourceRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("resource_arn", "tags")
    resource_arn: Required[str] = MISSING
    tags: Required[list[Tag]] = MISSING


class TagResourceResponse(Shape):
    pass


class TermsAggregation(Shape):
    max_buckets: MaxBuckets | None = None


class TestAuthorizationRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("auth_infos",)
    principal: str | None = None
    cognito_identity_pool_id: str | None = None
    auth_infos: Required[AuthInfos] = MISSING
    client_id: str | None = None
    policy_names_to_add: list[PolicyName] | None = None
    policy_names_to_skip: list[PolicyName] | None = None


class TestAuthorizationResponse(Shape):
    auth_results: list[AuthResult] | None = None


class TestInvokeAuthorizerRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("authorizer_name",)
    authorizer_name: Required[AuthorizerName] = MISSING
    token: Token | None = None
    token_signature: TokenSignature | None = None
    http_context: HttpContext | None = None
    mqtt_context: MqttContext | None = None
    tls_context: TlsContext | None = None


class TestInvokeAuthorizerResponse(Shape):
    is_authenticated: bool | None = None
    principal_id: PrincipalId | None = None
    policy_documents: list[PolicyDocument] | None = None
    refresh_after_in_seconds: Integer | None = None
    disconnect_after_in_seconds: Integer | None = None


class ThingAttribute(Shape):
    thing_name: ThingName | None = None
    thing_type_name: ThingTypeName | None = None
    thing_arn: str | None = None
    attributes: dict[AttributeName, AttributeValue] | None = None
    version: Long | None = None


class ThingConnectivity(Shape):
    connected: bool | None = None
    timestamp: Long | None = None
    disconnect_reason: str | None = None
    keep_alive_duration: Integer | None = None
    clean_session: bool | None = None
    session_expiry: Long | None = None
    client_id: str | None = None


class ThingDocument(Shape):
    thing_name: ThingName | None = None
    thing_id: str | None = None
    thing_type_name: ThingTypeName | None = None
    thing_group_names: list[ThingGroupName] | None = None
    attributes: dict[AttributeName, AttributeValue] | None = None
    shadow: str | None = None
    device_defender: str | None = None
    connectivity: ThingConnectivity | None = None


class ThingGroupDocument(Shape):
    thing_group_name: ThingGroupName | None = None
    thing_group_id: ThingGroupId | None = None
    thing_group_description: ThingGroupDescription | None = None
    attributes: dict[AttributeName, AttributeValue] | None = None
    parent_group_names: list[ThingGroupName] | None = None


class ThingGroupIndexingConfiguration(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_group_indexing_mode",)
    thing_group_indexing_mode: Required[ThingGroupIndexingMode] = MISSING
    managed_fields: list[Field] | None = None
    custom_fields: list[Field] | None = None


class ThingGroupMetadata(Shape):
    parent_group_name: ThingGroupName | None = None
    root_to_parent_thing_groups: list[GroupNameAndArn] | None = None
    creation_date: float | None = None


class ThingGroupProperties(Shape):
    thing_group_description: ThingGroupDescription | None = None
    attribute_payload: AttributePayload | None = None


class ThingIndexingConfiguration(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_indexing_mode",)
    thing_indexing_mode: Required[ThingIndexingMode] = MISSING
    thing_connectivity_indexing_mode: ThingConnectivityIndexingMode | None = None
    device_defender_indexing_mode: DeviceDefenderIndexingMode | None = None
    named_shadow_indexing_mode: NamedShadowIndexingMode | None = None
    managed_fields: list[Field] | None = None
    custom_fields: list[Field] | None = None
    filter: IndexingFilter | None = None


class ThingPrincipalObject(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("principal",)
    principal: Required[str] = MISSING
    thing_principal_type: ThingPrincipalType | None = None


class ThingTypeDefinition(Shape):
    thing_type_name: ThingTypeName | None = None
    thing_type_arn: str | None = None
    thing_type_properties: ThingTypeProperties | None = None
    thing_type_metadata: ThingTypeMetadata | None = None


class ThingTypeMetadata(Shape):
    deprecated: bool | None = None
    deprecation_date: float | None = None
    creation_date: float | None = None


class ThingTypeProperties(Shape):
    thing_type_description: ThingTypeDescription | None = None
    searchable_attributes: list[AttributeName] | None = None
    mqtt5_configuration: Mqtt5Configuration | None = None


class TimeFilter(Shape):
    after: StringDateTime | None = None
    before: StringDateTime | None = None


class TimeoutConfig(Shape):
    in_progress_timeout_in_minutes: Long | None = None


class TlsConfig(Shape):
    security_policy: SecurityPolicy | None = None


class TlsContext(Shape):
    server_name: ServerName | None = None


class TransferData(Shape):
    transfer_message: Message | None = None
    reject_reason: Message | None = None
    transfer_date: float | None = None
    accept_date: float | None = None
    reject_date: float | None = None


class UntagResourceRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("resource_arn", "tag_keys")
    resource_arn: Required[str] = MISSING
    tag_keys: Required[list[TagKey]] = MISSING


class UntagResourceResponse(Shape):
    pass


class UpdateAuthorizerRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("authorizer_name",)
    authorizer_name: Required[AuthorizerName] = MISSING
    authorizer_function_arn: AuthorizerFunctionArn | None = None
    token_key_name: TokenKeyName | None = None
    token_signing_public_keys: dict[KeyName, KeyValue] | None = None
    status: AuthorizerStatus | None = None
    enable_caching_for_http: bool | None = None


class UpdateAuthorizerResponse(Shape):
    authorizer_name: AuthorizerName | None = None
    authorizer_arn: AuthorizerArn | None = None


class UpdateBillingGroupRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("billing_group_name", "billing_group_properties")
    billing_group_name: Required[BillingGroupName] = MISSING
    billing_group_properties: Required[BillingGroupProperties] = MISSING
    expected_version: Long | None = None


class UpdateBillingGroupResponse(Shape):
    version: Long | None = None


class UpdateCACertificateRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("certificate_id",)
    certificate_id: Required[CertificateId] = MISSING
    new_status: CACertificateStatus | None = None
    new_auto_registration_status: AutoRegistrationStatus | None = None
    registration_config: RegistrationConfig | None = None
    remove_auto_registration: bool | None = None


class UpdateCertificateRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("certificate_id", "new_status")
    certificate_id: Required[CertificateId] = MISSING
    new_status: Required[CertificateStatus] = MISSING


class UpdateCommandRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("command_id",)
    command_id: Required[CommandId] = MISSING
    display_name: DisplayName | None = None
    description: CommandDescription | None = None
    deprecated: bool | None = None


class UpdateCommandResponse(Shape):
    command_id: CommandId | None = None
    display_name: DisplayName | None = None
    description: CommandDescription | None = None
    deprecated: bool | None = None
    last_updated_at: float | None = None


class UpdateDomainConfigurationRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("domain_configuration_name",)
    domain_configuration_name: Required[ReservedDomainConfigurationName] = MISSING
    authorizer_config: AuthorizerConfig | None = None
    domain_configuration_status: DomainConfigurationStatus | None = None
    remove_authorizer_config: bool | None = None
    tls_config: TlsConfig | None = None
    server_certificate_config: ServerCertificateConfig | None = None
    authentication_type: AuthenticationType | None = None
    application_protocol: ApplicationProtocol | None = None
    client_certificate_config: ClientCertificateConfig | None = None


class UpdateDomainConfigurationResponse(Shape):
    domain_configuration_name: ReservedDomainConfigurationName | None = None
    domain_configuration_arn: str | None = None


class UpdateDynamicThingGroupRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_group_name", "thing_group_properties")
    thing_group_name: Required[ThingGroupName] = MISSING
    thing_group_properties: Required[ThingGroupProperties] = MISSING
    expected_version: Long | None = None
    index_name: IndexName | None = None
    query_string: QueryString | None = None
    query_version: str | None = None


class UpdateDynamicThingGroupResponse(Shape):
    version: Long | None = None


class UpdateEventConfigurationsRequest(Shape):
    event_configurations: dict[EventType, Configuration] | None = None


class UpdateEventConfigurationsResponse(Shape):
    pass


class UpdateIndexingConfigurationRequest(Shape):
    thing_indexing_configuration: ThingIndexingConfiguration | None = None
    thing_group_indexing_configuration: ThingGroupIndexingConfiguration | None = None


class UpdateIndexingConfigurationResponse(Shape):
    pass


class UpdateJobRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("job_id",)
    job_id: Required[JobId] = MISSING
    description: JobDescription | None = None
    presigned_url_config: PresignedUrlConfig | None = None
    job_executions_rollout_config: JobExecutionsRolloutConfig | None = None
    abort_config: AbortConfig | None = None
    timeout_config: TimeoutConfig | None = None
    namespace_id: NamespaceId | None = None
    job_executions_retry_config: JobExecutionsRetryConfig | None = None


class UpdatePackageConfigurationRequest(Shape):
    version_update_by_jobs_config: VersionUpdateByJobsConfig | None = None
    client_token: ClientToken | None = None


class UpdatePackageConfigurationResponse(Shape):
    pass


class UpdatePackageRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("package_name",)
    package_name: Required[PackageName] = MISSING
    description: ResourceDescription | None = None
    default_version_name: VersionName | None = None
    unset_default_version: bool | None = None
    client_token: ClientToken | None = None


class UpdatePackageResponse(Shape):
    pass


class UpdatePackageVersionRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("package_name", "version_name")
    package_name: Required[PackageName] = MISSING
    version_name: Required[VersionName] = MISSING
    description: ResourceDescription | None = None
    attributes: dict[ResourceAttributeKey, ResourceAttributeValue] | None = None
    artifact: PackageVersionArtifact | None = None
    action: PackageVersionAction | None = None
    recipe: PackageVersionRecipe | None = None
    client_token: ClientToken | None = None


class UpdatePackageVersionResponse(Shape):
    pass


class UpdateProvisioningTemplateRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("template_name",)
    template_name: Required[TemplateName] = MISSING
    description: TemplateDescription | None = None
    enabled: bool | None = None
    default_version_id: Integer | None = None
    provisioning_role_arn: RoleArn | None = None
    pre_provisioning_hook: ProvisioningHook | None = None
    remove_pre_provisioning_hook: bool | None = None


class UpdateProvisioningTemplateResponse(Shape):
    pass


class UpdateRoleAliasRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("role_alias",)
    role_alias: Required[RoleAlias] = MISSING
    role_arn: RoleArn | None = None
    credential_duration_seconds: CredentialDurationSeconds | None = None


class UpdateRoleAliasResponse(Shape):
    role_alias: RoleAlias | None = None
    role_alias_arn: RoleAliasArn | None = None


class UpdateStreamRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("stream_id",)
    stream_id: Required[StreamId] = MISSING
    description: StreamDescription | None = None
    files: StreamFiles | None = None
    role_arn: RoleArn | None = None


class UpdateStreamResponse(Shape):
    stream_id: StreamId | None = None
    stream_arn: str | None = None
    description: StreamDescription | None = None
    stream_version: StreamVersion | None = None


class UpdateThingGroupRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_group_name", "thing_group_properties")
    thing_group_name: Required[ThingGroupName] = MISSING
    thing_group_properties: Required[ThingGroupProperties] = MISSING
    expected_version: Long | None = None


class UpdateThingGroupResponse(Shape):
    version: Long | None = None


class UpdateThingGroupsForThingRequest(Shape):
    thing_name: ThingName | None = None
    thing_groups_to_add: list[ThingGroupName] | None = None
    thing_groups_to_remove: list[ThingGroupName] | None = None
    override_dynamic_groups: bool | None = None


class UpdateThingGroupsForThingResponse(Shape):
    pass


class UpdateThingRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_name",)
    thing_name: Required[ThingName] = MISSING
    thing_type_name: ThingTypeName | None = None
    attribute_payload: AttributePayload | None = None
    expected_version: Long | None = None
    remove_thing_type: bool | None = None


class UpdateThingResponse(Shape):
    pass


class UpdateThingTypeRequest(Shape):
    __required__: ClassVar[tuple[str, ...]] = ("thing_type_name",)
    thing_type_name: Required[ThingTypeName] = MISSING
    thing_type_properties: ThingTypeProperties | None = None


class UpdateThingTypeResponse(Shape):
    pass


class VersionUpdateByJobsConfig(Shape):
    enabled: bool | None = None
    role_arn: RoleArn | None = None


AbortCriteriaList = Annotated[list[AbortCriteria], Size(min=1)]
AuthInfos = Annotated[list[AuthInfo], Size(min=1, max=10)]
AwsJobAbortCriteriaList = Annotated[list[AwsJobAbortCriteria], Size(min=1)]
CommandExecutionParameterMap = Annotated[dict[CommandParameterName, CommandParameterValue], Size(min=1)]
CommandExecutionResultMap = Annotated[dict[CommandExecutionResultName, CommandExecutionResult], Size(min=1)]
CommandParameterList = Annotated[list[CommandParameter], Size(min=1)]
CommandParameterValueConditionList = Annotated[list[CommandParameterValueCondition], Size(min=1)]
CommandParameterValueStringList = Annotated[list[StringParameterValue], Size(min=1, max=10)]
DestinationPackageVersions = Annotated[list[PackageVersionArn], Size(max=25, quota="package_versions_per_job")]
DetailsMap = Annotated[dict[DetailsKey, DetailsValue], Size(max=10)]
JobTargets = Annotated[list[TargetArn], Size(min=1)]
OTAUpdateFiles = Annotated[list[OTAUpdateFile], Size(min=1)]
Protocols = Annotated[list[Protocol], Size(min=1, max=2)]
RetryCriteriaList = Annotated[list[RetryCriteria], Size(min=1, max=2)]
ServerCertificateArns = Annotated[list[AcmCertificateArn], Size(min=0, max=1)]
StreamFiles = Annotated[list[StreamFile], Size(min=1, max=50)]
TagMap = Annotated[dict[TagKey, TagValue], Size(min=1, max=50)]
Targets = Annotated[list[str], Size(min=1)]


class CertificateConflictException(WireError):
    code = "CertificateConflictException"
    http_status = 409
    plane = "iot"


class CertificateStateException(WireError):
    code = "CertificateStateException"
    http_status = 406
    plane = "iot"


class CertificateValidationException(WireError):
    code = "CertificateValidationException"
    http_status = 400
    plane = "iot"


class ConflictException(WireError):
    code = "ConflictException"
    http_status = 409
    plane = "iot"


class ConflictingResourceUpdateException(WireError):
    code = "ConflictingResourceUpdateException"
    http_status = 409
    plane = "iot"


class DeleteConflictException(WireError):
    code = "DeleteConflictException"
    http_status = 409
    plane = "iot"


class IndexNotReadyException(WireError):
    code = "IndexNotReadyException"
    http_status = 400
    plane = "iot"


class InternalFailureException(WireError):
    code = "InternalFailureException"
    http_status = 500
    plane = "iot"


class InternalServerException(WireError):
    code = "InternalServerException"
    http_status = 500
    plane = "iot"


class InvalidAggregationException(WireError):
    code = "InvalidAggregationException"
    http_status = 400
    plane = "iot"


class InvalidQueryException(WireError):
    code = "InvalidQueryException"
    http_status = 400
    plane = "iot"


class InvalidRequestException(WireError):
    code = "InvalidRequestException"
    http_status = 400
    plane = "iot"


class InvalidResponseException(WireError):
    code = "InvalidResponseException"
    http_status = 400
    plane = "iot"


class InvalidStateTransitionException(WireError):
    code = "InvalidStateTransitionException"
    http_status = 409
    plane = "iot"


class LimitExceededException(WireError):
    code = "LimitExceededException"
    http_status = 410
    plane = "iot"


class MalformedPolicyException(WireError):
    code = "MalformedPolicyException"
    http_status = 400
    plane = "iot"


class RegistrationCodeValidationException(WireError):
    code = "RegistrationCodeValidationException"
    http_status = 400
    plane = "iot"


class ResourceAlreadyExistsException(WireError):
    code = "ResourceAlreadyExistsException"
    http_status = 409
    plane = "iot"


class ResourceNotFoundException(WireError):
    code = "ResourceNotFoundException"
    http_status = 404
    plane = "iot"


class ResourceRegistrationFailureException(WireError):
    code = "ResourceRegistrationFailureException"
    http_status = 400
    plane = "iot"


class ServiceQuotaExceededException(WireError):
    code = "ServiceQuotaExceededException"
    http_status = 402
    plane = "iot"


class ServiceUnavailableException(WireError):
    code = "ServiceUnavailableException"
    http_status = 503
    plane = "iot"


class ThrottlingException(WireError):
    code = "ThrottlingException"
    http_status = 400
    plane = "iot"


class UnauthorizedException(WireError):
    code = "UnauthorizedException"
    http_status = 401
    plane = "iot"


class ValidationException(WireError):
    code = "ValidationException"
    http_status = 400
    plane = "iot"


class VersionConflictException(WireError):
    code = "VersionConflictException"
    http_status = 409
    plane = "iot"


class VersionsLimitExceededException(WireError):
    code = "VersionsLimitExceededException"
    http_status = 409
    plane = "iot"


OPERATIONS: dict[str, Operation] = {
    "CreateJobTemplate": Operation(
        name="CreateJobTemplate",
        plane="iot",
        method="PUT",
        path="/job-templates/{jobTemplateId}",
        request=CreateJobTemplateRequest,
        response=CreateJobTemplateResponse,
        outside=(
            label("job_template_id", "jobTemplateId"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, ResourceNotFoundException, ConflictException, LimitExceededException,
            ThrottlingException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeJobTemplate": Operation(
        name="DescribeJobTemplate",
        plane="iot",
        method="GET",
        path="/job-templates/{jobTemplateId}",
        request=DescribeJobTemplateRequest,
        response=DescribeJobTemplateResponse,
        outside=(
            label("job_template_id", "jobTemplateId"),
        ),
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListJobTemplates": Operation(
        name="ListJobTemplates",
        plane="iot",
        method="GET",
        path="/job-templates",
        request=ListJobTemplatesRequest,
        response=ListJobTemplatesResponse,
        outside=(
            query("max_results", "maxResults", "int"),
            query("next_token", "nextToken"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeleteJobTemplate": Operation(
        name="DeleteJobTemplate",
        plane="iot",
        method="DELETE",
        path="/job-templates/{jobTemplateId}",
        request=DeleteJobTemplateRequest,
        outside=(
            label("job_template_id", "jobTemplateId"),
        ),
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListManagedJobTemplates": Operation(
        name="ListManagedJobTemplates",
        plane="iot",
        method="GET",
        path="/managed-job-templates",
        request=ListManagedJobTemplatesRequest,
        response=ListManagedJobTemplatesResponse,
        outside=(
            query("template_name", "templateName"),
            query("max_results", "maxResults", "int"),
            query("next_token", "nextToken"),
        ),
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, InternalServerException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeManagedJobTemplate": Operation(
        name="DescribeManagedJobTemplate",
        plane="iot",
        method="GET",
        path="/managed-job-templates/{templateName}",
        request=DescribeManagedJobTemplateRequest,
        response=DescribeManagedJobTemplateResponse,
        outside=(
            label("template_name", "templateName"),
            query("template_version", "templateVersion"),
        ),
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, InternalServerException,
        ),
        invalid=InvalidRequestException,
    ),
    "CreateJob": Operation(
        name="CreateJob",
        plane="iot",
        method="PUT",
        path="/jobs/{jobId}",
        request=CreateJobRequest,
        response=CreateJobResponse,
        outside=(
            label("job_id", "jobId"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, ResourceNotFoundException, ResourceAlreadyExistsException,
            LimitExceededException, ThrottlingException, ServiceUnavailableException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeJob": Operation(
        name="DescribeJob",
        plane="iot",
        method="GET",
        path="/jobs/{jobId}",
        request=DescribeJobRequest,
        response=DescribeJobResponse,
        outside=(
            label("job_id", "jobId"),
            query("before_substitution", "beforeSubstitution", "bool"),
        ),
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, ServiceUnavailableException,
        ),
        invalid=InvalidRequestException,
    ),
    "UpdateJob": Operation(
        name="UpdateJob",
        plane="iot",
        method="PATCH",
        path="/jobs/{jobId}",
        request=UpdateJobRequest,
        outside=(
            label("job_id", "jobId"),
            query("namespace_id", "namespaceId"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, ServiceUnavailableException,
        ),
        invalid=InvalidRequestException,
    ),
    "CancelJob": Operation(
        name="CancelJob",
        plane="iot",
        method="PUT",
        path="/jobs/{jobId}/cancel",
        request=CancelJobRequest,
        response=CancelJobResponse,
        outside=(
            label("job_id", "jobId"),
            query("force", "force", "bool"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, ServiceUnavailableException,
            LimitExceededException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeleteJob": Operation(
        name="DeleteJob",
        plane="iot",
        method="DELETE",
        path="/jobs/{jobId}",
        request=DeleteJobRequest,
        outside=(
            label("job_id", "jobId"),
            query("force", "force", "bool"),
            query("namespace_id", "namespaceId"),
        ),
        errors=(
            InvalidRequestException, InvalidStateTransitionException, ResourceNotFoundException,
            LimitExceededException, ThrottlingException, ServiceUnavailableException,
        ),
        invalid=InvalidRequestException,
    ),
    "AssociateTargetsWithJob": Operation(
        name="AssociateTargetsWithJob",
        plane="iot",
        method="POST",
        path="/jobs/{jobId}/targets",
        request=AssociateTargetsWithJobRequest,
        response=AssociateTargetsWithJobResponse,
        outside=(
            label("job_id", "jobId"),
            query("namespace_id", "namespaceId"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, ResourceNotFoundException, LimitExceededException, ThrottlingException,
            ServiceUnavailableException,
        ),
        invalid=InvalidRequestException,
    ),
    "GetJobDocument": Operation(
        name="GetJobDocument",
        plane="iot",
        method="GET",
        path="/jobs/{jobId}/job-document",
        request=GetJobDocumentRequest,
        response=GetJobDocumentResponse,
        outside=(
            label("job_id", "jobId"),
            query("before_substitution", "beforeSubstitution", "bool"),
        ),
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, ServiceUnavailableException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListJobs": Operation(
        name="ListJobs",
        plane="iot",
        method="GET",
        path="/jobs",
        request=ListJobsRequest,
        response=ListJobsResponse,
        outside=(
            query("status", "status"),
            query("target_selection", "targetSelection"),
            query("max_results", "maxResults", "int"),
            query("next_token", "nextToken"),
            query("thing_group_name", "thingGroupName"),
            query("thing_group_id", "thingGroupId"),
            query("namespace_id", "namespaceId"),
        ),
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, ServiceUnavailableException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeJobExecution": Operation(
        name="DescribeJobExecution",
        plane="iot",
        method="GET",
        path="/things/{thingName}/jobs/{jobId}",
        request=DescribeJobExecutionRequest,
        response=DescribeJobExecutionResponse,
        outside=(
            label("job_id", "jobId"),
            label("thing_name", "thingName"),
            query("execution_number", "executionNumber", "long"),
        ),
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, ServiceUnavailableException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListJobExecutionsForJob": Operation(
        name="ListJobExecutionsForJob",
        plane="iot",
        method="GET",
        path="/jobs/{jobId}/things",
        request=ListJobExecutionsForJobRequest,
        response=ListJobExecutionsForJobResponse,
        outside=(
            label("job_id", "jobId"),
            query("status", "status"),
            query("max_results", "maxResults", "int"),
            query("next_token", "nextToken"),
        ),
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, ServiceUnavailableException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListJobExecutionsForThing": Operation(
        name="ListJobExecutionsForThing",
        plane="iot",
        method="GET",
        path="/things/{thingName}/jobs",
        request=ListJobExecutionsForThingRequest,
        response=ListJobExecutionsForThingResponse,
        outside=(
            label("thing_name", "thingName"),
            query("status", "status"),
            query("namespace_id", "namespaceId"),
            query("max_results", "maxResults", "int"),
            query("next_token", "nextToken"),
            query("job_id", "jobId"),
        ),
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, ServiceUnavailableException,
        ),
        invalid=InvalidRequestException,
    ),
    "CancelJobExecution": Operation(
        name="CancelJobExecution",
        plane="iot",
        method="PUT",
        path="/things/{thingName}/jobs/{jobId}/cancel",
        request=CancelJobExecutionRequest,
        outside=(
            label("job_id", "jobId"),
            label("thing_name", "thingName"),
            query("force", "force", "bool"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, InvalidStateTransitionException, ResourceNotFoundException,
            ThrottlingException, ServiceUnavailableException, VersionConflictException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeleteJobExecution": Operation(
        name="DeleteJobExecution",
        plane="iot",
        method="DELETE",
        path="/things/{thingName}/jobs/{jobId}/executionNumber/{executionNumber}",
        request=DeleteJobExecutionRequest,
        outside=(
            label("job_id", "jobId"),
            label("thing_name", "thingName"),
            label("execution_number", "executionNumber", "long"),
            query("force", "force", "bool"),
            query("namespace_id", "namespaceId"),
        ),
        errors=(
            InvalidRequestException, InvalidStateTransitionException, ResourceNotFoundException,
            ThrottlingException, ServiceUnavailableException,
        ),
        invalid=InvalidRequestException,
    ),
    "CreateThing": Operation(
        name="CreateThing",
        plane="iot",
        method="POST",
        path="/things/{thingName}",
        request=CreateThingRequest,
        response=CreateThingResponse,
        outside=(
            label("thing_name", "thingName"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException, ResourceAlreadyExistsException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeThing": Operation(
        name="DescribeThing",
        plane="iot",
        method="GET",
        path="/things/{thingName}",
        request=DescribeThingRequest,
        response=DescribeThingResponse,
        outside=(
            label("thing_name", "thingName"),
        ),
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "UpdateThing": Operation(
        name="UpdateThing",
        plane="iot",
        method="PATCH",
        path="/things/{thingName}",
        request=UpdateThingRequest,
        response=UpdateThingResponse,
        outside=(
            label("thing_name", "thingName"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, VersionConflictException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeleteThing": Operation(
        name="DeleteThing",
        plane="iot",
        method="DELETE",
        path="/things/{thingName}",
        request=DeleteThingRequest,
        response=DeleteThingResponse,
        outside=(
            label("thing_name", "thingName"),
            query("expected_version", "expectedVersion", "long"),
        ),
        errors=(
            ResourceNotFoundException, VersionConflictException, InvalidRequestException, ThrottlingException,
            UnauthorizedException, ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListThings": Operation(
        name="ListThings",
        plane="iot",
        method="GET",
        path="/things",
        request=ListThingsRequest,
        response=ListThingsResponse,
        outside=(
            query("next_token", "nextToken"),
            query("max_results", "maxResults", "int"),
            query("attribute_name", "attributeName"),
            query("attribute_value", "attributeValue"),
            query("thing_type_name", "thingTypeName"),
            query("use_prefix_attribute_value", "usePrefixAttributeValue", "bool"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "CreateThingType": Operation(
        name="CreateThingType",
        plane="iot",
        method="POST",
        path="/thing-types/{thingTypeName}",
        request=CreateThingTypeRequest,
        response=CreateThingTypeResponse,
        outside=(
            label("thing_type_name", "thingTypeName"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException, ResourceAlreadyExistsException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeThingType": Operation(
        name="DescribeThingType",
        plane="iot",
        method="GET",
        path="/thing-types/{thingTypeName}",
        request=DescribeThingTypeRequest,
        response=DescribeThingTypeResponse,
        outside=(
            label("thing_type_name", "thingTypeName"),
        ),
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "UpdateThingType": Operation(
        name="UpdateThingType",
        plane="iot",
        method="PATCH",
        path="/thing-types/{thingTypeName}",
        request=UpdateThingTypeRequest,
        response=UpdateThingTypeResponse,
        outside=(
            label("thing_type_name", "thingTypeName"),
        ),
        has_body=True,
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeleteThingType": Operation(
        name="DeleteThingType",
        plane="iot",
        method="DELETE",
        path="/thing-types/{thingTypeName}",
        request=DeleteThingTypeRequest,
        response=DeleteThingTypeResponse,
        outside=(
            label("thing_type_name", "thingTypeName"),
        ),
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeprecateThingType": Operation(
        name="DeprecateThingType",
        plane="iot",
        method="POST",
        path="/thing-types/{thingTypeName}/deprecate",
        request=DeprecateThingTypeRequest,
        response=DeprecateThingTypeResponse,
        outside=(
            label("thing_type_name", "thingTypeName"),
        ),
        has_body=True,
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListThingTypes": Operation(
        name="ListThingTypes",
        plane="iot",
        method="GET",
        path="/thing-types",
        request=ListThingTypesRequest,
        response=ListThingTypesResponse,
        outside=(
            query("next_token", "nextToken"),
            query("max_results", "maxResults", "int"),
            query("thing_type_name", "thingTypeName"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "CreateThingGroup": Operation(
        name="CreateThingGroup",
        plane="iot",
        method="POST",
        path="/thing-groups/{thingGroupName}",
        request=CreateThingGroupRequest,
        response=CreateThingGroupResponse,
        outside=(
            label("thing_group_name", "thingGroupName"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, ResourceAlreadyExistsException, ThrottlingException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeThingGroup": Operation(
        name="DescribeThingGroup",
        plane="iot",
        method="GET",
        path="/thing-groups/{thingGroupName}",
        request=DescribeThingGroupRequest,
        response=DescribeThingGroupResponse,
        outside=(
            label("thing_group_name", "thingGroupName"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, InternalFailureException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "UpdateThingGroup": Operation(
        name="UpdateThingGroup",
        plane="iot",
        method="PATCH",
        path="/thing-groups/{thingGroupName}",
        request=UpdateThingGroupRequest,
        response=UpdateThingGroupResponse,
        outside=(
            label("thing_group_name", "thingGroupName"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, VersionConflictException, ThrottlingException, InternalFailureException,
            ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeleteThingGroup": Operation(
        name="DeleteThingGroup",
        plane="iot",
        method="DELETE",
        path="/thing-groups/{thingGroupName}",
        request=DeleteThingGroupRequest,
        response=DeleteThingGroupResponse,
        outside=(
            label("thing_group_name", "thingGroupName"),
            query("expected_version", "expectedVersion", "long"),
        ),
        errors=(
            InvalidRequestException, VersionConflictException, ThrottlingException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListThingGroups": Operation(
        name="ListThingGroups",
        plane="iot",
        method="GET",
        path="/thing-groups",
        request=ListThingGroupsRequest,
        response=ListThingGroupsResponse,
        outside=(
            query("next_token", "nextToken"),
            query("max_results", "maxResults", "int"),
            query("parent_group", "parentGroup"),
            query("name_prefix_filter", "namePrefixFilter"),
            query("recursive", "recursive", "bool"),
        ),
        errors=(
            InvalidRequestException, InternalFailureException, ResourceNotFoundException, ThrottlingException,
        ),
        invalid=InvalidRequestException,
    ),
    "AddThingToThingGroup": Operation(
        name="AddThingToThingGroup",
        plane="iot",
        method="PUT",
        path="/thing-groups/addThingToThingGroup",
        request=AddThingToThingGroupRequest,
        response=AddThingToThingGroupResponse,
        has_body=True,
        errors=(
            InvalidRequestException, ThrottlingException, InternalFailureException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "RemoveThingFromThingGroup": Operation(
        name="RemoveThingFromThingGroup",
        plane="iot",
        method="PUT",
        path="/thing-groups/removeThingFromThingGroup",
        request=RemoveThingFromThingGroupRequest,
        response=RemoveThingFromThingGroupResponse,
        has_body=True,
        errors=(
            InvalidRequestException, ThrottlingException, InternalFailureException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListThingsInThingGroup": Operation(
        name="ListThingsInThingGroup",
        plane="iot",
        method="GET",
        path="/thing-groups/{thingGroupName}/things",
        request=ListThingsInThingGroupRequest,
        response=ListThingsInThingGroupResponse,
        outside=(
            label("thing_group_name", "thingGroupName"),
            query("recursive", "recursive", "bool"),
            query("next_token", "nextToken"),
            query("max_results", "maxResults", "int"),
        ),
        errors=(
            InvalidRequestException, InternalFailureException, ResourceNotFoundException, ThrottlingException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListThingGroupsForThing": Operation(
        name="ListThingGroupsForThing",
        plane="iot",
        method="GET",
        path="/things/{thingName}/thing-groups",
        request=ListThingGroupsForThingRequest,
        response=ListThingGroupsForThingResponse,
        outside=(
            label("thing_name", "thingName"),
            query("next_token", "nextToken"),
            query("max_results", "maxResults", "int"),
        ),
        errors=(
            InvalidRequestException, InternalFailureException, ResourceNotFoundException, ThrottlingException,
        ),
        invalid=InvalidRequestException,
    ),
    "UpdateThingGroupsForThing": Operation(
        name="UpdateThingGroupsForThing",
        plane="iot",
        method="PUT",
        path="/thing-groups/updateThingGroupsForThing",
        request=UpdateThingGroupsForThingRequest,
        response=UpdateThingGroupsForThingResponse,
        has_body=True,
        errors=(
            InvalidRequestException, ThrottlingException, InternalFailureException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "CreateDynamicThingGroup": Operation(
        name="CreateDynamicThingGroup",
        plane="iot",
        method="POST",
        path="/dynamic-thing-groups/{thingGroupName}",
        request=CreateDynamicThingGroupRequest,
        response=CreateDynamicThingGroupResponse,
        outside=(
            label("thing_group_name", "thingGroupName"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, ResourceAlreadyExistsException, ResourceNotFoundException, ThrottlingException,
            InternalFailureException, InvalidQueryException, LimitExceededException,
        ),
        invalid=InvalidRequestException,
    ),
    "UpdateDynamicThingGroup": Operation(
        name="UpdateDynamicThingGroup",
        plane="iot",
        method="PATCH",
        path="/dynamic-thing-groups/{thingGroupName}",
        request=UpdateDynamicThingGroupRequest,
        response=UpdateDynamicThingGroupResponse,
        outside=(
            label("thing_group_name", "thingGroupName"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, VersionConflictException, ThrottlingException, InternalFailureException,
            ResourceNotFoundException, InvalidQueryException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeleteDynamicThingGroup": Operation(
        name="DeleteDynamicThingGroup",
        plane="iot",
        method="DELETE",
        path="/dynamic-thing-groups/{thingGroupName}",
        request=DeleteDynamicThingGroupRequest,
        response=DeleteDynamicThingGroupResponse,
        outside=(
            label("thing_group_name", "thingGroupName"),
            query("expected_version", "expectedVersion", "long"),
        ),
        errors=(
            InvalidRequestException, VersionConflictException, ThrottlingException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "CreateBillingGroup": Operation(
        name="CreateBillingGroup",
        plane="iot",
        method="POST",
        path="/billing-groups/{billingGroupName}",
        request=CreateBillingGroupRequest,
        response=CreateBillingGroupResponse,
        outside=(
            label("billing_group_name", "billingGroupName"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, ResourceAlreadyExistsException, ThrottlingException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeBillingGroup": Operation(
        name="DescribeBillingGroup",
        plane="iot",
        method="GET",
        path="/billing-groups/{billingGroupName}",
        request=DescribeBillingGroupRequest,
        response=DescribeBillingGroupResponse,
        outside=(
            label("billing_group_name", "billingGroupName"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, InternalFailureException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "UpdateBillingGroup": Operation(
        name="UpdateBillingGroup",
        plane="iot",
        method="PATCH",
        path="/billing-groups/{billingGroupName}",
        request=UpdateBillingGroupRequest,
        response=UpdateBillingGroupResponse,
        outside=(
            label("billing_group_name", "billingGroupName"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, VersionConflictException, ThrottlingException, InternalFailureException,
            ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeleteBillingGroup": Operation(
        name="DeleteBillingGroup",
        plane="iot",
        method="DELETE",
        path="/billing-groups/{billingGroupName}",
        request=DeleteBillingGroupRequest,
        response=DeleteBillingGroupResponse,
        outside=(
            label("billing_group_name", "billingGroupName"),
            query("expected_version", "expectedVersion", "long"),
        ),
        errors=(
            InvalidRequestException, VersionConflictException, ThrottlingException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListBillingGroups": Operation(
        name="ListBillingGroups",
        plane="iot",
        method="GET",
        path="/billing-groups",
        request=ListBillingGroupsRequest,
        response=ListBillingGroupsResponse,
        outside=(
            query("next_token", "nextToken"),
            query("max_results", "maxResults", "int"),
            query("name_prefix_filter", "namePrefixFilter"),
        ),
        errors=(
            InvalidRequestException, InternalFailureException, ResourceNotFoundException, ThrottlingException,
        ),
        invalid=InvalidRequestException,
    ),
    "AddThingToBillingGroup": Operation(
        name="AddThingToBillingGroup",
        plane="iot",
        method="PUT",
        path="/billing-groups/addThingToBillingGroup",
        request=AddThingToBillingGroupRequest,
        response=AddThingToBillingGroupResponse,
        has_body=True,
        errors=(
            InvalidRequestException, ThrottlingException, InternalFailureException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "RemoveThingFromBillingGroup": Operation(
        name="RemoveThingFromBillingGroup",
        plane="iot",
        method="PUT",
        path="/billing-groups/removeThingFromBillingGroup",
        request=RemoveThingFromBillingGroupRequest,
        response=RemoveThingFromBillingGroupResponse,
        has_body=True,
        errors=(
            InvalidRequestException, ThrottlingException, InternalFailureException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListThingsInBillingGroup": Operation(
        name="ListThingsInBillingGroup",
        plane="iot",
        method="GET",
        path="/billing-groups/{billingGroupName}/things",
        request=ListThingsInBillingGroupRequest,
        response=ListThingsInBillingGroupResponse,
        outside=(
            label("billing_group_name", "billingGroupName"),
            query("next_token", "nextToken"),
            query("max_results", "maxResults", "int"),
        ),
        errors=(
            InvalidRequestException, InternalFailureException, ResourceNotFoundException, ThrottlingException,
        ),
        invalid=InvalidRequestException,
    ),
    "SearchIndex": Operation(
        name="SearchIndex",
        plane="iot",
        method="POST",
        path="/indices/search",
        request=SearchIndexRequest,
        response=SearchIndexResponse,
        has_body=True,
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException, ResourceNotFoundException, InvalidQueryException, IndexNotReadyException,
        ),
        invalid=InvalidRequestException,
    ),
    "GetIndexingConfiguration": Operation(
        name="GetIndexingConfiguration",
        plane="iot",
        method="GET",
        path="/indexing/config",
        request=GetIndexingConfigurationRequest,
        response=GetIndexingConfigurationResponse,
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "UpdateIndexingConfiguration": Operation(
        name="UpdateIndexingConfiguration",
        plane="iot",
        method="POST",
        path="/indexing/config",
        request=UpdateIndexingConfigurationRequest,
        response=UpdateIndexingConfigurationResponse,
        has_body=True,
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeIndex": Operation(
        name="DescribeIndex",
        plane="iot",
        method="GET",
        path="/indices/{indexName}",
        request=DescribeIndexRequest,
        response=DescribeIndexResponse,
        outside=(
            label("index_name", "indexName"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListIndices": Operation(
        name="ListIndices",
        plane="iot",
        method="GET",
        path="/indices",
        request=ListIndicesRequest,
        response=ListIndicesResponse,
        outside=(
            query("next_token", "nextToken"),
            query("max_results", "maxResults", "int"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "GetStatistics": Operation(
        name="GetStatistics",
        plane="iot",
        method="POST",
        path="/indices/statistics",
        request=GetStatisticsRequest,
        response=GetStatisticsResponse,
        has_body=True,
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException, ResourceNotFoundException, InvalidQueryException, InvalidAggregationException,
            IndexNotReadyException,
        ),
        invalid=InvalidRequestException,
    ),
    "GetCardinality": Operation(
        name="GetCardinality",
        plane="iot",
        method="POST",
        path="/indices/cardinality",
        request=GetCardinalityRequest,
        response=GetCardinalityResponse,
        has_body=True,
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException, ResourceNotFoundException, InvalidQueryException, InvalidAggregationException,
            IndexNotReadyException,
        ),
        invalid=InvalidRequestException,
    ),
    "GetPercentiles": Operation(
        name="GetPercentiles",
        plane="iot",
        method="POST",
        path="/indices/percentiles",
        request=GetPercentilesRequest,
        response=GetPercentilesResponse,
        has_body=True,
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException, ResourceNotFoundException, InvalidQueryException, InvalidAggregationException,
            IndexNotReadyException,
        ),
        invalid=InvalidRequestException,
    ),
    "GetBucketsAggregation": Operation(
        name="GetBucketsAggregation",
        plane="iot",
        method="POST",
        path="/indices/buckets",
        request=GetBucketsAggregationRequest,
        response=GetBucketsAggregationResponse,
        has_body=True,
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException, ResourceNotFoundException, InvalidQueryException, InvalidAggregationException,
            IndexNotReadyException,
        ),
        invalid=InvalidRequestException,
    ),
    "GetThingConnectivityData": Operation(
        name="GetThingConnectivityData",
        plane="iot",
        method="POST",
        path="/things/{thingName}/connectivity-data",
        request=GetThingConnectivityDataRequest,
        response=GetThingConnectivityDataResponse,
        sensitive=True,
        outside=(
            label("thing_name", "thingName"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException, ResourceNotFoundException, IndexNotReadyException,
        ),
        invalid=InvalidRequestException,
    ),
    "CreateKeysAndCertificate": Operation(
        name="CreateKeysAndCertificate",
        plane="iot",
        method="POST",
        path="/keys-and-certificate",
        request=CreateKeysAndCertificateRequest,
        response=CreateKeysAndCertificateResponse,
        sensitive=True,
        outside=(
            query("set_as_active", "setAsActive", "bool"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "CreateCertificateFromCsr": Operation(
        name="CreateCertificateFromCsr",
        plane="iot",
        method="POST",
        path="/certificates",
        request=CreateCertificateFromCsrRequest,
        response=CreateCertificateFromCsrResponse,
        outside=(
            query("set_as_active", "setAsActive", "bool"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "RegisterCertificate": Operation(
        name="RegisterCertificate",
        plane="iot",
        method="POST",
        path="/certificate/register",
        request=RegisterCertificateRequest,
        response=RegisterCertificateResponse,
        outside=(
            query("set_as_active", "setAsActive", "bool"),
        ),
        has_body=True,
        errors=(
            ResourceAlreadyExistsException, InvalidRequestException, CertificateValidationException,
            CertificateStateException, CertificateConflictException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "RegisterCertificateWithoutCA": Operation(
        name="RegisterCertificateWithoutCA",
        plane="iot",
        method="POST",
        path="/certificate/register-no-ca",
        request=RegisterCertificateWithoutCARequest,
        response=RegisterCertificateWithoutCAResponse,
        has_body=True,
        errors=(
            ResourceAlreadyExistsException, InvalidRequestException, CertificateStateException,
            CertificateValidationException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeCertificate": Operation(
        name="DescribeCertificate",
        plane="iot",
        method="GET",
        path="/certificates/{certificateId}",
        request=DescribeCertificateRequest,
        response=DescribeCertificateResponse,
        outside=(
            label("certificate_id", "certificateId"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "UpdateCertificate": Operation(
        name="UpdateCertificate",
        plane="iot",
        method="PUT",
        path="/certificates/{certificateId}",
        request=UpdateCertificateRequest,
        outside=(
            label("certificate_id", "certificateId"),
            query("new_status", "newStatus"),
        ),
        errors=(
            ResourceNotFoundException, CertificateStateException, InvalidRequestException, ThrottlingException,
            UnauthorizedException, ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeleteCertificate": Operation(
        name="DeleteCertificate",
        plane="iot",
        method="DELETE",
        path="/certificates/{certificateId}",
        request=DeleteCertificateRequest,
        outside=(
            label("certificate_id", "certificateId"),
            query("force_delete", "forceDelete", "bool"),
        ),
        errors=(
            CertificateStateException, DeleteConflictException, InvalidRequestException, ThrottlingException,
            UnauthorizedException, ServiceUnavailableException, InternalFailureException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListCertificates": Operation(
        name="ListCertificates",
        plane="iot",
        method="GET",
        path="/certificates",
        request=ListCertificatesRequest,
        response=ListCertificatesResponse,
        outside=(
            query("page_size", "pageSize", "int"),
            query("marker", "marker"),
            query("ascending_order", "isAscendingOrder", "bool"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListCertificatesByCA": Operation(
        name="ListCertificatesByCA",
        plane="iot",
        method="GET",
        path="/certificates-by-ca/{caCertificateId}",
        request=ListCertificatesByCARequest,
        response=ListCertificatesByCAResponse,
        outside=(
            label("ca_certificate_id", "caCertificateId"),
            query("page_size", "pageSize", "int"),
            query("marker", "marker"),
            query("ascending_order", "isAscendingOrder", "bool"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "RegisterCACertificate": Operation(
        name="RegisterCACertificate",
        plane="iot",
        method="POST",
        path="/cacertificate",
        request=RegisterCACertificateRequest,
        response=RegisterCACertificateResponse,
        outside=(
            query("set_as_active", "setAsActive", "bool"),
            query("allow_auto_registration", "allowAutoRegistration", "bool"),
        ),
        has_body=True,
        errors=(
            ResourceNotFoundException, ResourceAlreadyExistsException, RegistrationCodeValidationException,
            InvalidRequestException, CertificateValidationException, ThrottlingException, LimitExceededException,
            UnauthorizedException, ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeCACertificate": Operation(
        name="DescribeCACertificate",
        plane="iot",
        method="GET",
        path="/cacertificate/{caCertificateId}",
        request=DescribeCACertificateRequest,
        response=DescribeCACertificateResponse,
        outside=(
            label("certificate_id", "caCertificateId"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "UpdateCACertificate": Operation(
        name="UpdateCACertificate",
        plane="iot",
        method="PUT",
        path="/cacertificate/{caCertificateId}",
        request=UpdateCACertificateRequest,
        outside=(
            label("certificate_id", "caCertificateId"),
            query("new_status", "newStatus"),
            query("new_auto_registration_status", "newAutoRegistrationStatus"),
        ),
        has_body=True,
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeleteCACertificate": Operation(
        name="DeleteCACertificate",
        plane="iot",
        method="DELETE",
        path="/cacertificate/{caCertificateId}",
        request=DeleteCACertificateRequest,
        response=DeleteCACertificateResponse,
        outside=(
            label("certificate_id", "caCertificateId"),
        ),
        errors=(
            InvalidRequestException, CertificateStateException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListCACertificates": Operation(
        name="ListCACertificates",
        plane="iot",
        method="GET",
        path="/cacertificates",
        request=ListCACertificatesRequest,
        response=ListCACertificatesResponse,
        outside=(
            query("page_size", "pageSize", "int"),
            query("marker", "marker"),
            query("ascending_order", "isAscendingOrder", "bool"),
            query("template_name", "templateName"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "GetRegistrationCode": Operation(
        name="GetRegistrationCode",
        plane="iot",
        method="GET",
        path="/registrationcode",
        request=GetRegistrationCodeRequest,
        response=GetRegistrationCodeResponse,
        errors=(
            ThrottlingException, UnauthorizedException, ServiceUnavailableException, InternalFailureException,
            InvalidRequestException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeleteRegistrationCode": Operation(
        name="DeleteRegistrationCode",
        plane="iot",
        method="DELETE",
        path="/registrationcode",
        request=DeleteRegistrationCodeRequest,
        response=DeleteRegistrationCodeResponse,
        errors=(
            ThrottlingException, ResourceNotFoundException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "AttachThingPrincipal": Operation(
        name="AttachThingPrincipal",
        plane="iot",
        method="PUT",
        path="/things/{thingName}/principals",
        request=AttachThingPrincipalRequest,
        response=AttachThingPrincipalResponse,
        outside=(
            label("thing_name", "thingName"),
            header("principal", "x-amzn-principal"),
            query("thing_principal_type", "thingPrincipalType"),
        ),
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DetachThingPrincipal": Operation(
        name="DetachThingPrincipal",
        plane="iot",
        method="DELETE",
        path="/things/{thingName}/principals",
        request=DetachThingPrincipalRequest,
        response=DetachThingPrincipalResponse,
        outside=(
            label("thing_name", "thingName"),
            header("principal", "x-amzn-principal"),
        ),
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListThingPrincipals": Operation(
        name="ListThingPrincipals",
        plane="iot",
        method="GET",
        path="/things/{thingName}/principals",
        request=ListThingPrincipalsRequest,
        response=ListThingPrincipalsResponse,
        outside=(
            query("next_token", "nextToken"),
            query("max_results", "maxResults", "int"),
            label("thing_name", "thingName"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListThingPrincipalsV2": Operation(
        name="ListThingPrincipalsV2",
        plane="iot",
        method="GET",
        path="/things/{thingName}/principals-v2",
        request=ListThingPrincipalsV2Request,
        response=ListThingPrincipalsV2Response,
        outside=(
            query("next_token", "nextToken"),
            query("max_results", "maxResults", "int"),
            label("thing_name", "thingName"),
            query("thing_principal_type", "thingPrincipalType"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListPrincipalThings": Operation(
        name="ListPrincipalThings",
        plane="iot",
        method="GET",
        path="/principals/things",
        request=ListPrincipalThingsRequest,
        response=ListPrincipalThingsResponse,
        outside=(
            query("next_token", "nextToken"),
            query("max_results", "maxResults", "int"),
            header("principal", "x-amzn-principal"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListPrincipalThingsV2": Operation(
        name="ListPrincipalThingsV2",
        plane="iot",
        method="GET",
        path="/principals/things-v2",
        request=ListPrincipalThingsV2Request,
        response=ListPrincipalThingsV2Response,
        outside=(
            query("next_token", "nextToken"),
            query("max_results", "maxResults", "int"),
            header("principal", "x-amzn-principal"),
            query("thing_principal_type", "thingPrincipalType"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "CreatePolicy": Operation(
        name="CreatePolicy",
        plane="iot",
        method="POST",
        path="/policies/{policyName}",
        request=CreatePolicyRequest,
        response=CreatePolicyResponse,
        outside=(
            label("policy_name", "policyName"),
        ),
        has_body=True,
        errors=(
            ResourceAlreadyExistsException, MalformedPolicyException, InvalidRequestException, ThrottlingException,
            UnauthorizedException, ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "GetPolicy": Operation(
        name="GetPolicy",
        plane="iot",
        method="GET",
        path="/policies/{policyName}",
        request=GetPolicyRequest,
        response=GetPolicyResponse,
        outside=(
            label("policy_name", "policyName"),
        ),
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeletePolicy": Operation(
        name="DeletePolicy",
        plane="iot",
        method="DELETE",
        path="/policies/{policyName}",
        request=DeletePolicyRequest,
        outside=(
            label("policy_name", "policyName"),
        ),
        errors=(
            DeleteConflictException, ResourceNotFoundException, InvalidRequestException, ThrottlingException,
            UnauthorizedException, ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListPolicies": Operation(
        name="ListPolicies",
        plane="iot",
        method="GET",
        path="/policies",
        request=ListPoliciesRequest,
        response=ListPoliciesResponse,
        outside=(
            query("marker", "marker"),
            query("page_size", "pageSize", "int"),
            query("ascending_order", "isAscendingOrder", "bool"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "CreatePolicyVersion": Operation(
        name="CreatePolicyVersion",
        plane="iot",
        method="POST",
        path="/policies/{policyName}/version",
        request=CreatePolicyVersionRequest,
        response=CreatePolicyVersionResponse,
        outside=(
            label("policy_name", "policyName"),
            query("set_as_default", "setAsDefault", "bool"),
        ),
        has_body=True,
        errors=(
            ResourceNotFoundException, MalformedPolicyException, VersionsLimitExceededException,
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListPolicyVersions": Operation(
        name="ListPolicyVersions",
        plane="iot",
        method="GET",
        path="/policies/{policyName}/version",
        request=ListPolicyVersionsRequest,
        response=ListPolicyVersionsResponse,
        outside=(
            label("policy_name", "policyName"),
        ),
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "GetPolicyVersion": Operation(
        name="GetPolicyVersion",
        plane="iot",
        method="GET",
        path="/policies/{policyName}/version/{policyVersionId}",
        request=GetPolicyVersionRequest,
        response=GetPolicyVersionResponse,
        outside=(
            label("policy_name", "policyName"),
            label("policy_version_id", "policyVersionId"),
        ),
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "SetDefaultPolicyVersion": Operation(
        name="SetDefaultPolicyVersion",
        plane="iot",
        method="PATCH",
        path="/policies/{policyName}/version/{policyVersionId}",
        request=SetDefaultPolicyVersionRequest,
        outside=(
            label("policy_name", "policyName"),
            label("policy_version_id", "policyVersionId"),
        ),
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeletePolicyVersion": Operation(
        name="DeletePolicyVersion",
        plane="iot",
        method="DELETE",
        path="/policies/{policyName}/version/{policyVersionId}",
        request=DeletePolicyVersionRequest,
        outside=(
            label("policy_name", "policyName"),
            label("policy_version_id", "policyVersionId"),
        ),
        errors=(
            DeleteConflictException, ResourceNotFoundException, InvalidRequestException, ThrottlingException,
            UnauthorizedException, ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "AttachPolicy": Operation(
        name="AttachPolicy",
        plane="iot",
        method="PUT",
        path="/target-policies/{policyName}",
        request=AttachPolicyRequest,
        outside=(
            label("policy_name", "policyName"),
        ),
        has_body=True,
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException, LimitExceededException,
        ),
        invalid=InvalidRequestException,
    ),
    "DetachPolicy": Operation(
        name="DetachPolicy",
        plane="iot",
        method="POST",
        path="/target-policies/{policyName}",
        request=DetachPolicyRequest,
        outside=(
            label("policy_name", "policyName"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException, LimitExceededException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListAttachedPolicies": Operation(
        name="ListAttachedPolicies",
        plane="iot",
        method="POST",
        path="/attached-policies/{target}",
        request=ListAttachedPoliciesRequest,
        response=ListAttachedPoliciesResponse,
        outside=(
            label("target", "target"),
            query("recursive", "recursive", "bool"),
            query("marker", "marker"),
            query("page_size", "pageSize", "int"),
        ),
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException, LimitExceededException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListTargetsForPolicy": Operation(
        name="ListTargetsForPolicy",
        plane="iot",
        method="POST",
        path="/policy-targets/{policyName}",
        request=ListTargetsForPolicyRequest,
        response=ListTargetsForPolicyResponse,
        outside=(
            label("policy_name", "policyName"),
            query("marker", "marker"),
            query("page_size", "pageSize", "int"),
        ),
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException, LimitExceededException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListPolicyPrincipals": Operation(
        name="ListPolicyPrincipals",
        plane="iot",
        method="GET",
        path="/policy-principals",
        request=ListPolicyPrincipalsRequest,
        response=ListPolicyPrincipalsResponse,
        outside=(
            header("policy_name", "x-amzn-iot-policy"),
            query("marker", "marker"),
            query("page_size", "pageSize", "int"),
            query("ascending_order", "isAscendingOrder", "bool"),
        ),
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "AttachPrincipalPolicy": Operation(
        name="AttachPrincipalPolicy",
        plane="iot",
        method="PUT",
        path="/principal-policies/{policyName}",
        request=AttachPrincipalPolicyRequest,
        outside=(
            label("policy_name", "policyName"),
            header("principal", "x-amzn-iot-principal"),
        ),
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException, LimitExceededException,
        ),
        invalid=InvalidRequestException,
    ),
    "DetachPrincipalPolicy": Operation(
        name="DetachPrincipalPolicy",
        plane="iot",
        method="DELETE",
        path="/principal-policies/{policyName}",
        request=DetachPrincipalPolicyRequest,
        outside=(
            label("policy_name", "policyName"),
            header("principal", "x-amzn-iot-principal"),
        ),
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListPrincipalPolicies": Operation(
        name="ListPrincipalPolicies",
        plane="iot",
        method="GET",
        path="/principal-policies",
        request=ListPrincipalPoliciesRequest,
        response=ListPrincipalPoliciesResponse,
        outside=(
            header("principal", "x-amzn-iot-principal"),
            query("marker", "marker"),
            query("page_size", "pageSize", "int"),
            query("ascending_order", "isAscendingOrder", "bool"),
        ),
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "TestAuthorization": Operation(
        name="TestAuthorization",
        plane="iot",
        method="POST",
        path="/test-authorization",
        request=TestAuthorizationRequest,
        response=TestAuthorizationResponse,
        outside=(
            query("client_id", "clientId"),
        ),
        has_body=True,
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException, LimitExceededException,
        ),
        invalid=InvalidRequestException,
    ),
    "GetEffectivePolicies": Operation(
        name="GetEffectivePolicies",
        plane="iot",
        method="POST",
        path="/effective-policies",
        request=GetEffectivePoliciesRequest,
        response=GetEffectivePoliciesResponse,
        outside=(
            query("thing_name", "thingName"),
        ),
        has_body=True,
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException, LimitExceededException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeEndpoint": Operation(
        name="DescribeEndpoint",
        plane="iot",
        method="GET",
        path="/endpoint",
        request=DescribeEndpointRequest,
        response=DescribeEndpointResponse,
        outside=(
            query("endpoint_type", "endpointType"),
        ),
        errors=(
            InternalFailureException, InvalidRequestException, UnauthorizedException, ThrottlingException,
        ),
        invalid=InvalidRequestException,
    ),
    "TagResource": Operation(
        name="TagResource",
        plane="iot",
        method="POST",
        path="/tags",
        request=TagResourceRequest,
        response=TagResourceResponse,
        has_body=True,
        errors=(
            InvalidRequestException, InternalFailureException, ResourceNotFoundException, ThrottlingException,
            LimitExceededException,
        ),
        invalid=InvalidRequestException,
    ),
    "UntagResource": Operation(
        name="UntagResource",
        plane="iot",
        method="POST",
        path="/untag",
        request=UntagResourceRequest,
        response=UntagResourceResponse,
        has_body=True,
        errors=(
            InvalidRequestException, InternalFailureException, ResourceNotFoundException, ThrottlingException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListTagsForResource": Operation(
        name="ListTagsForResource",
        plane="iot",
        method="GET",
        path="/tags",
        request=ListTagsForResourceRequest,
        response=ListTagsForResourceResponse,
        outside=(
            query("resource_arn", "resourceArn"),
            query("next_token", "nextToken"),
        ),
        errors=(
            InvalidRequestException, InternalFailureException, ResourceNotFoundException, ThrottlingException,
        ),
        invalid=InvalidRequestException,
    ),
    "UpdateEventConfigurations": Operation(
        name="UpdateEventConfigurations",
        plane="iot",
        method="PATCH",
        path="/event-configurations",
        request=UpdateEventConfigurationsRequest,
        response=UpdateEventConfigurationsResponse,
        has_body=True,
        errors=(
            InvalidRequestException, InternalFailureException, ThrottlingException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeEventConfigurations": Operation(
        name="DescribeEventConfigurations",
        plane="iot",
        method="GET",
        path="/event-configurations",
        request=DescribeEventConfigurationsRequest,
        response=DescribeEventConfigurationsResponse,
        errors=(
            InternalFailureException, ThrottlingException,
        ),
        invalid=InvalidRequestException,
    ),
    "CreatePackage": Operation(
        name="CreatePackage",
        plane="iot",
        method="PUT",
        path="/packages/{packageName}",
        request=CreatePackageRequest,
        response=CreatePackageResponse,
        sensitive=True,
        outside=(
            label("package_name", "packageName"),
            query("client_token", "clientToken"),
        ),
        has_body=True,
        errors=(
            ThrottlingException, ConflictException, InternalServerException, ValidationException,
            ServiceQuotaExceededException,
        ),
        invalid=ValidationException,
    ),
    "GetPackage": Operation(
        name="GetPackage",
        plane="iot",
        method="GET",
        path="/packages/{packageName}",
        request=GetPackageRequest,
        response=GetPackageResponse,
        sensitive=True,
        outside=(
            label("package_name", "packageName"),
        ),
        errors=(
            ThrottlingException, InternalServerException, ValidationException, ResourceNotFoundException,
        ),
        invalid=ValidationException,
    ),
    "UpdatePackage": Operation(
        name="UpdatePackage",
        plane="iot",
        method="PATCH",
        path="/packages/{packageName}",
        request=UpdatePackageRequest,
        response=UpdatePackageResponse,
        outside=(
            label("package_name", "packageName"),
            query("client_token", "clientToken"),
        ),
        has_body=True,
        errors=(
            ThrottlingException, ConflictException, InternalServerException, ValidationException,
            ResourceNotFoundException,
        ),
        invalid=ValidationException,
    ),
    "DeletePackage": Operation(
        name="DeletePackage",
        plane="iot",
        method="DELETE",
        path="/packages/{packageName}",
        request=DeletePackageRequest,
        response=DeletePackageResponse,
        outside=(
            label("package_name", "packageName"),
            query("client_token", "clientToken"),
        ),
        errors=(
            ThrottlingException, InternalServerException, ValidationException,
        ),
        invalid=ValidationException,
    ),
    "ListPackages": Operation(
        name="ListPackages",
        plane="iot",
        method="GET",
        path="/packages",
        request=ListPackagesRequest,
        response=ListPackagesResponse,
        outside=(
            query("max_results", "maxResults", "int"),
            query("next_token", "nextToken"),
        ),
        errors=(
            ThrottlingException, InternalServerException, ValidationException,
        ),
        invalid=ValidationException,
    ),
    "CreatePackageVersion": Operation(
        name="CreatePackageVersion",
        plane="iot",
        method="PUT",
        path="/packages/{packageName}/versions/{versionName}",
        request=CreatePackageVersionRequest,
        response=CreatePackageVersionResponse,
        sensitive=True,
        outside=(
            label("package_name", "packageName"),
            label("version_name", "versionName"),
            query("client_token", "clientToken"),
        ),
        has_body=True,
        errors=(
            ThrottlingException, ConflictException, InternalServerException, ValidationException,
            ServiceQuotaExceededException,
        ),
        invalid=ValidationException,
    ),
    "GetPackageVersion": Operation(
        name="GetPackageVersion",
        plane="iot",
        method="GET",
        path="/packages/{packageName}/versions/{versionName}",
        request=GetPackageVersionRequest,
        response=GetPackageVersionResponse,
        sensitive=True,
        outside=(
            label("package_name", "packageName"),
            label("version_name", "versionName"),
        ),
        errors=(
            ThrottlingException, InternalServerException, ValidationException, ResourceNotFoundException,
        ),
        invalid=ValidationException,
    ),
    "UpdatePackageVersion": Operation(
        name="UpdatePackageVersion",
        plane="iot",
        method="PATCH",
        path="/packages/{packageName}/versions/{versionName}",
        request=UpdatePackageVersionRequest,
        response=UpdatePackageVersionResponse,
        outside=(
            label("package_name", "packageName"),
            label("version_name", "versionName"),
            query("client_token", "clientToken"),
        ),
        has_body=True,
        errors=(
            ThrottlingException, ConflictException, InternalServerException, ValidationException,
            ResourceNotFoundException,
        ),
        invalid=ValidationException,
    ),
    "DeletePackageVersion": Operation(
        name="DeletePackageVersion",
        plane="iot",
        method="DELETE",
        path="/packages/{packageName}/versions/{versionName}",
        request=DeletePackageVersionRequest,
        response=DeletePackageVersionResponse,
        outside=(
            label("package_name", "packageName"),
            label("version_name", "versionName"),
            query("client_token", "clientToken"),
        ),
        errors=(
            ThrottlingException, InternalServerException, ValidationException,
        ),
        invalid=ValidationException,
    ),
    "ListPackageVersions": Operation(
        name="ListPackageVersions",
        plane="iot",
        method="GET",
        path="/packages/{packageName}/versions",
        request=ListPackageVersionsRequest,
        response=ListPackageVersionsResponse,
        outside=(
            label("package_name", "packageName"),
            query("status", "status"),
            query("max_results", "maxResults", "int"),
            query("next_token", "nextToken"),
        ),
        errors=(
            ThrottlingException, InternalServerException, ValidationException,
        ),
        invalid=ValidationException,
    ),
    "GetPackageConfiguration": Operation(
        name="GetPackageConfiguration",
        plane="iot",
        method="GET",
        path="/package-configuration",
        request=GetPackageConfigurationRequest,
        response=GetPackageConfigurationResponse,
        errors=(
            ThrottlingException, InternalServerException,
        ),
        invalid=ValidationException,
    ),
    "UpdatePackageConfiguration": Operation(
        name="UpdatePackageConfiguration",
        plane="iot",
        method="PATCH",
        path="/package-configuration",
        request=UpdatePackageConfigurationRequest,
        response=UpdatePackageConfigurationResponse,
        outside=(
            query("client_token", "clientToken"),
        ),
        has_body=True,
        errors=(
            ThrottlingException, ConflictException, InternalServerException, ValidationException,
        ),
        invalid=ValidationException,
    ),
    "AssociateSbomWithPackageVersion": Operation(
        name="AssociateSbomWithPackageVersion",
        plane="iot",
        method="PUT",
        path="/packages/{packageName}/versions/{versionName}/sbom",
        request=AssociateSbomWithPackageVersionRequest,
        response=AssociateSbomWithPackageVersionResponse,
        outside=(
            label("package_name", "packageName"),
            label("version_name", "versionName"),
            query("client_token", "clientToken"),
        ),
        has_body=True,
        errors=(
            ThrottlingException, ConflictException, InternalServerException, ValidationException,
            ServiceQuotaExceededException, ResourceNotFoundException,
        ),
        invalid=ValidationException,
    ),
    "DisassociateSbomFromPackageVersion": Operation(
        name="DisassociateSbomFromPackageVersion",
        plane="iot",
        method="DELETE",
        path="/packages/{packageName}/versions/{versionName}/sbom",
        request=DisassociateSbomFromPackageVersionRequest,
        response=DisassociateSbomFromPackageVersionResponse,
        outside=(
            label("package_name", "packageName"),
            label("version_name", "versionName"),
            query("client_token", "clientToken"),
        ),
        errors=(
            ThrottlingException, ConflictException, InternalServerException, ValidationException,
            ResourceNotFoundException,
        ),
        invalid=ValidationException,
    ),
    "ListSbomValidationResults": Operation(
        name="ListSbomValidationResults",
        plane="iot",
        method="GET",
        path="/packages/{packageName}/versions/{versionName}/sbom-validation-results",
        request=ListSbomValidationResultsRequest,
        response=ListSbomValidationResultsResponse,
        outside=(
            label("package_name", "packageName"),
            label("version_name", "versionName"),
            query("validation_result", "validationResult"),
            query("max_results", "maxResults", "int"),
            query("next_token", "nextToken"),
        ),
        errors=(
            ThrottlingException, InternalServerException, ValidationException, ResourceNotFoundException,
        ),
        invalid=ValidationException,
    ),
    "CreateProvisioningTemplate": Operation(
        name="CreateProvisioningTemplate",
        plane="iot",
        method="POST",
        path="/provisioning-templates",
        request=CreateProvisioningTemplateRequest,
        response=CreateProvisioningTemplateResponse,
        has_body=True,
        errors=(
            InternalFailureException, InvalidRequestException, LimitExceededException, ThrottlingException,
            UnauthorizedException, ResourceAlreadyExistsException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeProvisioningTemplate": Operation(
        name="DescribeProvisioningTemplate",
        plane="iot",
        method="GET",
        path="/provisioning-templates/{templateName}",
        request=DescribeProvisioningTemplateRequest,
        response=DescribeProvisioningTemplateResponse,
        outside=(
            label("template_name", "templateName"),
        ),
        errors=(
            InternalFailureException, InvalidRequestException, ResourceNotFoundException, ThrottlingException,
            UnauthorizedException,
        ),
        invalid=InvalidRequestException,
    ),
    "UpdateProvisioningTemplate": Operation(
        name="UpdateProvisioningTemplate",
        plane="iot",
        method="PATCH",
        path="/provisioning-templates/{templateName}",
        request=UpdateProvisioningTemplateRequest,
        response=UpdateProvisioningTemplateResponse,
        outside=(
            label("template_name", "templateName"),
        ),
        has_body=True,
        errors=(
            InternalFailureException, InvalidRequestException, ResourceNotFoundException, UnauthorizedException,
            ConflictingResourceUpdateException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeleteProvisioningTemplate": Operation(
        name="DeleteProvisioningTemplate",
        plane="iot",
        method="DELETE",
        path="/provisioning-templates/{templateName}",
        request=DeleteProvisioningTemplateRequest,
        response=DeleteProvisioningTemplateResponse,
        outside=(
            label("template_name", "templateName"),
        ),
        errors=(
            InternalFailureException, InvalidRequestException, ResourceNotFoundException, DeleteConflictException,
            ThrottlingException, ConflictingResourceUpdateException, UnauthorizedException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListProvisioningTemplates": Operation(
        name="ListProvisioningTemplates",
        plane="iot",
        method="GET",
        path="/provisioning-templates",
        request=ListProvisioningTemplatesRequest,
        response=ListProvisioningTemplatesResponse,
        outside=(
            query("max_results", "maxResults", "int"),
            query("next_token", "nextToken"),
        ),
        errors=(
            InternalFailureException, InvalidRequestException, ThrottlingException, UnauthorizedException,
        ),
        invalid=InvalidRequestException,
    ),
    "CreateProvisioningTemplateVersion": Operation(
        name="CreateProvisioningTemplateVersion",
        plane="iot",
        method="POST",
        path="/provisioning-templates/{templateName}/versions",
        request=CreateProvisioningTemplateVersionRequest,
        response=CreateProvisioningTemplateVersionResponse,
        outside=(
            label("template_name", "templateName"),
            query("set_as_default", "setAsDefault", "bool"),
        ),
        has_body=True,
        errors=(
            VersionsLimitExceededException, InternalFailureException, InvalidRequestException, ThrottlingException,
            ResourceNotFoundException, UnauthorizedException, ConflictingResourceUpdateException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeProvisioningTemplateVersion": Operation(
        name="DescribeProvisioningTemplateVersion",
        plane="iot",
        method="GET",
        path="/provisioning-templates/{templateName}/versions/{versionId}",
        request=DescribeProvisioningTemplateVersionRequest,
        response=DescribeProvisioningTemplateVersionResponse,
        outside=(
            label("template_name", "templateName"),
            label("version_id", "versionId", "int"),
        ),
        errors=(
            InternalFailureException, InvalidRequestException, ThrottlingException, ResourceNotFoundException,
            UnauthorizedException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListProvisioningTemplateVersions": Operation(
        name="ListProvisioningTemplateVersions",
        plane="iot",
        method="GET",
        path="/provisioning-templates/{templateName}/versions",
        request=ListProvisioningTemplateVersionsRequest,
        response=ListProvisioningTemplateVersionsResponse,
        outside=(
            label("template_name", "templateName"),
            query("max_results", "maxResults", "int"),
            query("next_token", "nextToken"),
        ),
        errors=(
            InternalFailureException, InvalidRequestException, ThrottlingException, ResourceNotFoundException,
            UnauthorizedException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeleteProvisioningTemplateVersion": Operation(
        name="DeleteProvisioningTemplateVersion",
        plane="iot",
        method="DELETE",
        path="/provisioning-templates/{templateName}/versions/{versionId}",
        request=DeleteProvisioningTemplateVersionRequest,
        response=DeleteProvisioningTemplateVersionResponse,
        outside=(
            label("template_name", "templateName"),
            label("version_id", "versionId", "int"),
        ),
        errors=(
            InternalFailureException, InvalidRequestException, ThrottlingException, ResourceNotFoundException,
            UnauthorizedException, ConflictingResourceUpdateException, DeleteConflictException,
        ),
        invalid=InvalidRequestException,
    ),
    "CreateProvisioningClaim": Operation(
        name="CreateProvisioningClaim",
        plane="iot",
        method="POST",
        path="/provisioning-templates/{templateName}/provisioning-claim",
        request=CreateProvisioningClaimRequest,
        response=CreateProvisioningClaimResponse,
        sensitive=True,
        outside=(
            label("template_name", "templateName"),
        ),
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "RegisterThing": Operation(
        name="RegisterThing",
        plane="iot",
        method="POST",
        path="/things",
        request=RegisterThingRequest,
        response=RegisterThingResponse,
        has_body=True,
        errors=(
            InternalFailureException, ServiceUnavailableException, InvalidRequestException, UnauthorizedException,
            ThrottlingException, ConflictingResourceUpdateException, ResourceRegistrationFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "StartThingRegistrationTask": Operation(
        name="StartThingRegistrationTask",
        plane="iot",
        method="POST",
        path="/thing-registration-tasks",
        request=StartThingRegistrationTaskRequest,
        response=StartThingRegistrationTaskResponse,
        has_body=True,
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "StopThingRegistrationTask": Operation(
        name="StopThingRegistrationTask",
        plane="iot",
        method="PUT",
        path="/thing-registration-tasks/{taskId}/cancel",
        request=StopThingRegistrationTaskRequest,
        response=StopThingRegistrationTaskResponse,
        outside=(
            label("task_id", "taskId"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, InternalFailureException,
            ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeThingRegistrationTask": Operation(
        name="DescribeThingRegistrationTask",
        plane="iot",
        method="GET",
        path="/thing-registration-tasks/{taskId}",
        request=DescribeThingRegistrationTaskRequest,
        response=DescribeThingRegistrationTaskResponse,
        outside=(
            label("task_id", "taskId"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, InternalFailureException,
            ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListThingRegistrationTasks": Operation(
        name="ListThingRegistrationTasks",
        plane="iot",
        method="GET",
        path="/thing-registration-tasks",
        request=ListThingRegistrationTasksRequest,
        response=ListThingRegistrationTasksResponse,
        outside=(
            query("next_token", "nextToken"),
            query("max_results", "maxResults", "int"),
            query("status", "status"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListThingRegistrationTaskReports": Operation(
        name="ListThingRegistrationTaskReports",
        plane="iot",
        method="GET",
        path="/thing-registration-tasks/{taskId}/reports",
        request=ListThingRegistrationTaskReportsRequest,
        response=ListThingRegistrationTaskReportsResponse,
        outside=(
            label("task_id", "taskId"),
            query("report_type", "reportType"),
            query("next_token", "nextToken"),
            query("max_results", "maxResults", "int"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "CreateStream": Operation(
        name="CreateStream",
        plane="iot",
        method="POST",
        path="/streams/{streamId}",
        request=CreateStreamRequest,
        response=CreateStreamResponse,
        outside=(
            label("stream_id", "streamId"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, LimitExceededException, ResourceNotFoundException,
            ResourceAlreadyExistsException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeStream": Operation(
        name="DescribeStream",
        plane="iot",
        method="GET",
        path="/streams/{streamId}",
        request=DescribeStreamRequest,
        response=DescribeStreamResponse,
        outside=(
            label("stream_id", "streamId"),
        ),
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "UpdateStream": Operation(
        name="UpdateStream",
        plane="iot",
        method="PUT",
        path="/streams/{streamId}",
        request=UpdateStreamRequest,
        response=UpdateStreamResponse,
        outside=(
            label("stream_id", "streamId"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, LimitExceededException, ResourceNotFoundException, ThrottlingException,
            UnauthorizedException, ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeleteStream": Operation(
        name="DeleteStream",
        plane="iot",
        method="DELETE",
        path="/streams/{streamId}",
        request=DeleteStreamRequest,
        response=DeleteStreamResponse,
        outside=(
            label("stream_id", "streamId"),
        ),
        errors=(
            ResourceNotFoundException, DeleteConflictException, InvalidRequestException, ThrottlingException,
            UnauthorizedException, ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListStreams": Operation(
        name="ListStreams",
        plane="iot",
        method="GET",
        path="/streams",
        request=ListStreamsRequest,
        response=ListStreamsResponse,
        outside=(
            query("max_results", "maxResults", "int"),
            query("next_token", "nextToken"),
            query("ascending_order", "isAscendingOrder", "bool"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "CreateOTAUpdate": Operation(
        name="CreateOTAUpdate",
        plane="iot",
        method="POST",
        path="/otaUpdates/{otaUpdateId}",
        request=CreateOTAUpdateRequest,
        response=CreateOTAUpdateResponse,
        outside=(
            label("ota_update_id", "otaUpdateId"),
        ),
        has_body=True,
        errors=(
            InvalidRequestException, LimitExceededException, ResourceNotFoundException,
            ResourceAlreadyExistsException, ThrottlingException, UnauthorizedException, InternalFailureException,
            ServiceUnavailableException,
        ),
        invalid=InvalidRequestException,
    ),
    "GetOTAUpdate": Operation(
        name="GetOTAUpdate",
        plane="iot",
        method="GET",
        path="/otaUpdates/{otaUpdateId}",
        request=GetOTAUpdateRequest,
        response=GetOTAUpdateResponse,
        outside=(
            label("ota_update_id", "otaUpdateId"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, InternalFailureException,
            ServiceUnavailableException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeleteOTAUpdate": Operation(
        name="DeleteOTAUpdate",
        plane="iot",
        method="DELETE",
        path="/otaUpdates/{otaUpdateId}",
        request=DeleteOTAUpdateRequest,
        response=DeleteOTAUpdateResponse,
        outside=(
            label("ota_update_id", "otaUpdateId"),
            query("delete_stream", "deleteStream", "bool"),
            query("force_delete_aws_job", "forceDeleteAWSJob", "bool"),
        ),
        errors=(
            InvalidRequestException, ResourceNotFoundException, ThrottlingException, UnauthorizedException,
            InternalFailureException, ServiceUnavailableException, VersionConflictException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListOTAUpdates": Operation(
        name="ListOTAUpdates",
        plane="iot",
        method="GET",
        path="/otaUpdates",
        request=ListOTAUpdatesRequest,
        response=ListOTAUpdatesResponse,
        outside=(
            query("max_results", "maxResults", "int"),
            query("next_token", "nextToken"),
            query("ota_update_status", "otaUpdateStatus"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, InternalFailureException,
            ServiceUnavailableException,
        ),
        invalid=InvalidRequestException,
    ),
    "CreateCommand": Operation(
        name="CreateCommand",
        plane="iot",
        method="PUT",
        path="/commands/{commandId}",
        request=CreateCommandRequest,
        response=CreateCommandResponse,
        outside=(
            label("command_id", "commandId"),
        ),
        has_body=True,
        errors=(
            ValidationException, ConflictException, ServiceQuotaExceededException, ThrottlingException,
            InternalServerException,
        ),
        invalid=ValidationException,
    ),
    "GetCommand": Operation(
        name="GetCommand",
        plane="iot",
        method="GET",
        path="/commands/{commandId}",
        request=GetCommandRequest,
        response=GetCommandResponse,
        outside=(
            label("command_id", "commandId"),
        ),
        errors=(
            ValidationException, ResourceNotFoundException, ThrottlingException, InternalServerException,
        ),
        invalid=ValidationException,
    ),
    "ListCommands": Operation(
        name="ListCommands",
        plane="iot",
        method="GET",
        path="/commands",
        request=ListCommandsRequest,
        response=ListCommandsResponse,
        outside=(
            query("max_results", "maxResults", "int"),
            query("next_token", "nextToken"),
            query("namespace", "namespace"),
            query("command_parameter_name", "commandParameterName"),
            query("sort_order", "sortOrder"),
        ),
        errors=(
            ValidationException, ThrottlingException, InternalServerException,
        ),
        invalid=ValidationException,
    ),
    "UpdateCommand": Operation(
        name="UpdateCommand",
        plane="iot",
        method="PATCH",
        path="/commands/{commandId}",
        request=UpdateCommandRequest,
        response=UpdateCommandResponse,
        outside=(
            label("command_id", "commandId"),
        ),
        has_body=True,
        errors=(
            ValidationException, ResourceNotFoundException, ConflictException, ThrottlingException,
            InternalServerException,
        ),
        invalid=ValidationException,
    ),
    "DeleteCommand": Operation(
        name="DeleteCommand",
        plane="iot",
        method="DELETE",
        path="/commands/{commandId}",
        request=DeleteCommandRequest,
        response=DeleteCommandResponse,
        response_status="status_code",
        outside=(
            label("command_id", "commandId"),
        ),
        errors=(
            ValidationException, ConflictException, ThrottlingException, InternalServerException,
        ),
        invalid=ValidationException,
    ),
    "GetCommandExecution": Operation(
        name="GetCommandExecution",
        plane="iot",
        method="GET",
        path="/command-executions/{executionId}",
        request=GetCommandExecutionRequest,
        response=GetCommandExecutionResponse,
        outside=(
            label("execution_id", "executionId"),
            query("target_arn", "targetArn"),
            query("include_result", "includeResult", "bool"),
        ),
        errors=(
            ValidationException, ResourceNotFoundException, ThrottlingException, InternalServerException,
        ),
        invalid=ValidationException,
    ),
    "ListCommandExecutions": Operation(
        name="ListCommandExecutions",
        plane="iot",
        method="POST",
        path="/command-executions",
        request=ListCommandExecutionsRequest,
        response=ListCommandExecutionsResponse,
        outside=(
            query("max_results", "maxResults", "int"),
            query("next_token", "nextToken"),
        ),
        has_body=True,
        errors=(
            ValidationException, ResourceNotFoundException, ThrottlingException, InternalServerException,
        ),
        invalid=ValidationException,
    ),
    "DeleteCommandExecution": Operation(
        name="DeleteCommandExecution",
        plane="iot",
        method="DELETE",
        path="/command-executions/{executionId}",
        request=DeleteCommandExecutionRequest,
        response=DeleteCommandExecutionResponse,
        outside=(
            label("execution_id", "executionId"),
            query("target_arn", "targetArn"),
        ),
        errors=(
            ConflictException, ValidationException, ThrottlingException, InternalServerException,
        ),
        invalid=ValidationException,
    ),
    "CreateRoleAlias": Operation(
        name="CreateRoleAlias",
        plane="iot",
        method="POST",
        path="/role-aliases/{roleAlias}",
        request=CreateRoleAliasRequest,
        response=CreateRoleAliasResponse,
        outside=(
            label("role_alias", "roleAlias"),
        ),
        has_body=True,
        errors=(
            ResourceAlreadyExistsException, InvalidRequestException, LimitExceededException, ThrottlingException,
            UnauthorizedException, ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeRoleAlias": Operation(
        name="DescribeRoleAlias",
        plane="iot",
        method="GET",
        path="/role-aliases/{roleAlias}",
        request=DescribeRoleAliasRequest,
        response=DescribeRoleAliasResponse,
        outside=(
            label("role_alias", "roleAlias"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "UpdateRoleAlias": Operation(
        name="UpdateRoleAlias",
        plane="iot",
        method="PUT",
        path="/role-aliases/{roleAlias}",
        request=UpdateRoleAliasRequest,
        response=UpdateRoleAliasResponse,
        outside=(
            label("role_alias", "roleAlias"),
        ),
        has_body=True,
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeleteRoleAlias": Operation(
        name="DeleteRoleAlias",
        plane="iot",
        method="DELETE",
        path="/role-aliases/{roleAlias}",
        request=DeleteRoleAliasRequest,
        response=DeleteRoleAliasResponse,
        outside=(
            label("role_alias", "roleAlias"),
        ),
        errors=(
            DeleteConflictException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException, ResourceNotFoundException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListRoleAliases": Operation(
        name="ListRoleAliases",
        plane="iot",
        method="GET",
        path="/role-aliases",
        request=ListRoleAliasesRequest,
        response=ListRoleAliasesResponse,
        outside=(
            query("page_size", "pageSize", "int"),
            query("marker", "marker"),
            query("ascending_order", "isAscendingOrder", "bool"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "CreateAuthorizer": Operation(
        name="CreateAuthorizer",
        plane="iot",
        method="POST",
        path="/authorizer/{authorizerName}",
        request=CreateAuthorizerRequest,
        response=CreateAuthorizerResponse,
        outside=(
            label("authorizer_name", "authorizerName"),
        ),
        has_body=True,
        errors=(
            ResourceAlreadyExistsException, InvalidRequestException, LimitExceededException, ThrottlingException,
            UnauthorizedException, ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeAuthorizer": Operation(
        name="DescribeAuthorizer",
        plane="iot",
        method="GET",
        path="/authorizer/{authorizerName}",
        request=DescribeAuthorizerRequest,
        response=DescribeAuthorizerResponse,
        outside=(
            label("authorizer_name", "authorizerName"),
        ),
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "UpdateAuthorizer": Operation(
        name="UpdateAuthorizer",
        plane="iot",
        method="PUT",
        path="/authorizer/{authorizerName}",
        request=UpdateAuthorizerRequest,
        response=UpdateAuthorizerResponse,
        outside=(
            label("authorizer_name", "authorizerName"),
        ),
        has_body=True,
        errors=(
            ResourceNotFoundException, InvalidRequestException, LimitExceededException, ThrottlingException,
            UnauthorizedException, ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeleteAuthorizer": Operation(
        name="DeleteAuthorizer",
        plane="iot",
        method="DELETE",
        path="/authorizer/{authorizerName}",
        request=DeleteAuthorizerRequest,
        response=DeleteAuthorizerResponse,
        outside=(
            label("authorizer_name", "authorizerName"),
        ),
        errors=(
            DeleteConflictException, ResourceNotFoundException, InvalidRequestException, ThrottlingException,
            UnauthorizedException, ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListAuthorizers": Operation(
        name="ListAuthorizers",
        plane="iot",
        method="GET",
        path="/authorizers/",
        request=ListAuthorizersRequest,
        response=ListAuthorizersResponse,
        outside=(
            query("page_size", "pageSize", "int"),
            query("marker", "marker"),
            query("ascending_order", "isAscendingOrder", "bool"),
            query("status", "status"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "SetDefaultAuthorizer": Operation(
        name="SetDefaultAuthorizer",
        plane="iot",
        method="POST",
        path="/default-authorizer",
        request=SetDefaultAuthorizerRequest,
        response=SetDefaultAuthorizerResponse,
        has_body=True,
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException, ResourceAlreadyExistsException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeDefaultAuthorizer": Operation(
        name="DescribeDefaultAuthorizer",
        plane="iot",
        method="GET",
        path="/default-authorizer",
        request=DescribeDefaultAuthorizerRequest,
        response=DescribeDefaultAuthorizerResponse,
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "ClearDefaultAuthorizer": Operation(
        name="ClearDefaultAuthorizer",
        plane="iot",
        method="DELETE",
        path="/default-authorizer",
        request=ClearDefaultAuthorizerRequest,
        response=ClearDefaultAuthorizerResponse,
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "TestInvokeAuthorizer": Operation(
        name="TestInvokeAuthorizer",
        plane="iot",
        method="POST",
        path="/authorizer/{authorizerName}/test",
        request=TestInvokeAuthorizerRequest,
        response=TestInvokeAuthorizerResponse,
        outside=(
            label("authorizer_name", "authorizerName"),
        ),
        has_body=True,
        errors=(
            ResourceNotFoundException, InvalidRequestException, ThrottlingException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException, InvalidResponseException,
        ),
        invalid=InvalidRequestException,
    ),
    "CreateDomainConfiguration": Operation(
        name="CreateDomainConfiguration",
        plane="iot",
        method="POST",
        path="/domainConfigurations/{domainConfigurationName}",
        request=CreateDomainConfigurationRequest,
        response=CreateDomainConfigurationResponse,
        outside=(
            label("domain_configuration_name", "domainConfigurationName"),
        ),
        has_body=True,
        errors=(
            LimitExceededException, CertificateValidationException, ResourceAlreadyExistsException,
            ServiceUnavailableException, InternalFailureException, InvalidRequestException, UnauthorizedException,
            ThrottlingException,
        ),
        invalid=InvalidRequestException,
    ),
    "DescribeDomainConfiguration": Operation(
        name="DescribeDomainConfiguration",
        plane="iot",
        method="GET",
        path="/domainConfigurations/{domainConfigurationName}",
        request=DescribeDomainConfigurationRequest,
        response=DescribeDomainConfigurationResponse,
        outside=(
            label("domain_configuration_name", "domainConfigurationName"),
        ),
        errors=(
            ResourceNotFoundException, ThrottlingException, InvalidRequestException, UnauthorizedException,
            ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "UpdateDomainConfiguration": Operation(
        name="UpdateDomainConfiguration",
        plane="iot",
        method="PUT",
        path="/domainConfigurations/{domainConfigurationName}",
        request=UpdateDomainConfigurationRequest,
        response=UpdateDomainConfigurationResponse,
        outside=(
            label("domain_configuration_name", "domainConfigurationName"),
        ),
        has_body=True,
        errors=(
            ResourceNotFoundException, CertificateValidationException, InvalidRequestException, ThrottlingException,
            UnauthorizedException, ServiceUnavailableException, InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
    "DeleteDomainConfiguration": Operation(
        name="DeleteDomainConfiguration",
        plane="iot",
        method="DELETE",
        path="/domainConfigurations/{domainConfigurationName}",
        request=DeleteDomainConfigurationRequest,
        response=DeleteDomainConfigurationResponse,
        outside=(
            label("domain_configuration_name", "domainConfigurationName"),
        ),
        errors=(
            ResourceNotFoundException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException, InvalidRequestException,
        ),
        invalid=InvalidRequestException,
    ),
    "ListDomainConfigurations": Operation(
        name="ListDomainConfigurations",
        plane="iot",
        method="GET",
        path="/domainConfigurations",
        request=ListDomainConfigurationsRequest,
        response=ListDomainConfigurationsResponse,
        outside=(
            query("marker", "marker"),
            query("page_size", "pageSize", "int"),
            query("service_type", "serviceType"),
        ),
        errors=(
            InvalidRequestException, ThrottlingException, UnauthorizedException, ServiceUnavailableException,
            InternalFailureException,
        ),
        invalid=InvalidRequestException,
    ),
}
