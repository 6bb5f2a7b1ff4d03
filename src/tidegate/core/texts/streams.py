"""Streams, the blocks of their files, and OTA updates (reach reference 5 and 6)."""

from __future__ import annotations

from typing import Final

# --- streams ----------------------------------------------------------------------------------------------------------


def stream_missing(stream_id: str) -> str:
    """[R] after the text for things."""
    return f"Stream {stream_id} cannot be found."


def stream_exists(stream_id: str) -> str:
    """[R] CreateStream."""
    return f"Stream {stream_id} already exists."


def stream_in_use(stream_id: str, updates: str) -> str:
    """[R] DeleteStream: AWS names the error, not the rule."""
    return f"Stream {stream_id} cannot be deleted: OTA update {updates} uses it."


def role_invalid(role: str) -> str:
    """[R]"""
    return f"roleArn {role} is not the ARN of an IAM role."


def file_incomplete(position: int, member: str) -> str:
    """[R] ``position`` counts from 1."""
    return f"File {position} of files has no {member}."


def file_twice(file_id: int) -> str:
    """[R]"""
    return f"fileId {file_id} is given more than once."


def object_missing(where: str) -> str:
    """[R] ``where`` is bucket, key and version."""
    return f"The object {where} cannot be found."


def object_denied(where: str) -> str:
    """[R]"""
    return f"The object {where} is in no bucket that this server may read."


def object_unreachable(where: str) -> str:
    """[R]"""
    return f"The object {where} cannot be read now: the object storage does not answer."


def object_empty(where: str) -> str:
    """[R]"""
    return f"The object {where} is empty: there is nothing to stream."


def object_too_large(where: str, size: int, limit: int) -> str:
    """[R] for the quota [D]: 24 MB."""
    return f"The object {where} has {size} bytes, more than the limit of {limit}."


NO_OBJECTS: Final = "This server has no object storage, so that there is nothing to stream: --objects."
"""[R]"""
VERSIONS_USED_UP: Final = "The stream has had all its 65,535 versions: make a new one."
"""[R] UpdateStream."""

# --- blocks (rejected) ------------------------------------------------------------------------------------------------

BLOCK_SIZE: Final = "The block size is out of bounds"
"""[D]"""
INVALID_JSON: Final = "The payload is not a JSON object."
"""[R]"""
INVALID_CBOR: Final = "The payload is not a CBOR map."
"""[R]"""
INVALID_TOPIC: Final = "The topic does not map to an operation of streams."
"""[R]"""
TOO_LARGE: Final = "The payload is larger than a request can be."
"""[R]"""
FILE_REQUIRED: Final = "f is required: the id of a file."
"""[R]"""
BITMAP_TYPE: Final = "b must be a bitmap: hexadecimal text in JSON, a byte string in CBOR."
"""[R]"""
PAST_THE_END: Final = "The offset is past the end of the file."
"""[R]"""
NO_SUCH_BLOCKS: Final = "The bitmap names no block that the file has."
"""[R]"""
CHANGED: Final = "The file has changed since the stream was made: update the stream."
"""[R]"""
GONE: Final = "The file cannot be found."
"""[R]"""
UNAUTHORIZED: Final = "The object storage refuses the file."
"""[R]"""
UNREACHABLE: Final = "The file cannot be read now."
"""[R]"""
FAILED: Final = "The request could not be processed."
"""[R]"""
PACKET_TOO_LARGE: Final = "The block does not fit into the largest packet that the client takes."
"""[R]"""


def wrong_type(member: str, what: str) -> str:
    """[R]"""
    return f"{member} must be {what}."


def token_too_long(limit: int) -> str:
    """[R]"""
    return f"c has more than {limit} bytes."


def offset(limit: int) -> str:
    """[R]"""
    return f"The offset must be from 0 to {limit} blocks."


def count(limit: int) -> str:
    """[R]"""
    return f"The number of blocks must be from 0 to {limit}."


def bitmap(limit: int) -> str:
    """[R]"""
    return f"The bitmap must have fewer than {limit} bytes."


def file_missing(file_id: int) -> str:
    """[R]"""
    return f"The stream has no file {file_id}."


def version_mismatch(expected: int, found: int) -> str:
    """[R] after the sentence for executions."""
    return f"Expected version {expected} but found version {found}"


# --- OTA updates ------------------------------------------------------------------------------------------------------


def update_missing(update_id: str) -> str:
    """[R]"""
    return f"OTA update {update_id} cannot be found."


def update_exists(update_id: str) -> str:
    """[R] CreateOTAUpdate."""
    return f"OTA update {update_id} already exists."


def update_id_too_long(limit: int) -> str:
    """[R] for the rule that its job is named AFR_OTA- and the id."""
    return f"otaUpdateId must have at most {limit} characters: its job's id begins with AFR_OTA- and has at most 64."


def update_active(update_id: str, job_id: str, status: str) -> str:
    """[R] DeleteOTAUpdate."""
    return f"OTA update {update_id} cannot be deleted: its job {job_id} is in status {status}. Use forceDeleteAWSJob."


def stream_of_others(update_id: str, stream_id: str, others: str) -> str:
    """[R] DeleteOTAUpdate with deleteStream."""
    return f"OTA update {update_id} cannot be deleted with its stream {stream_id}: OTA update {others} uses it."


def no_signer(position: int, member: str) -> str:
    """[R] ``position`` counts the files from 1."""
    return (
        f"File {position}: {member} needs AWS Signer, which this server does not have. "
        "Sign the file yourself and give its signature as customCodeSigning."
    )


def signing_incomplete(position: int, member: str) -> str:
    """[R]"""
    return f"File {position}: customCodeSigning has no {member}."


def one_location(position: int) -> str:
    """[R]"""
    return f"File {position}: fileLocation must have either stream or s3Location."


STREAMS_DIFFER: Final = "All files that are in a stream must be in the same one, and none be elsewhere."
"""[R] A document has one stream."""
PROTOCOL_TWICE: Final = "protocols must not name a protocol twice."
"""[R]"""


def too_many_files(limit: int) -> str:
    """[R] for the model's size of a stream."""
    return f"An OTA update can have at most {limit} files."


def file_of_stream_missing(stream_id: str, file_id: int) -> str:
    """[R] CreateOTAUpdate."""
    return f"Stream {stream_id} has no file {file_id}."
