"""The settings of a job or template: timers, rollout, abort, retries, schedule (control reference 8 to 12)."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

# --- timeouts (12) ----------------------------------------------------------------------------------------------------


TIMEOUT_ZERO: Final = "Provide valid timeout value, inProgressTimeoutInMinutes cannot be 0."
"""[third hand]"""


def timeout_out_of_range(member: str, minutes: int, least: int, most: int) -> str:
    """[R] The in-progress and the step timer."""
    return f"Provide valid timeout value, {member} must be between {least} and {most}, not {minutes}."


# --- rollout and abort (2.1, 9, 10) -----------------------------------------------------------------------------------


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


# --- retries (11) -----------------------------------------------------------------------------------------------------


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


# --- scheduling (8) ---------------------------------------------------------------------------------------------------


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
