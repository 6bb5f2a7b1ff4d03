"""The fleet index, its queries and dynamic groups (control reference 17.4, 18)."""

from __future__ import annotations

from typing import Final

INDEXING_OFF: Final = (
    "AWS IoT Fleet Indexing is not enabled. Please enable index by calling UpdateIndexingConfiguration."
)
"""[O] CreateDynamicThingGroup and UpdateDynamicThingGroup."""


def index_missing(name: str) -> str:
    """[third hand] An index that is off, or that there never was."""
    return f"Index '{name}' does not exist"


# --- queries, all [R] ---


def invalid_query(problem: str, position: int) -> str:
    """``position`` counts characters from 1."""
    return f"Invalid query string: {problem} (at character {position})."


def unexpected_character(character: str) -> str:
    """A sign where a term was to begin, or nothing was to follow."""
    return f"unexpected character {character}"


def unsupported_character(character: str) -> str:
    """One of those AWS lists, or a sign of other query languages."""
    return f"the character {character} is not supported; quote the value or put a backslash before it"


def operator_misplaced(name: str) -> str:
    """AND, OR, NOT."""
    return f"the operator {name} stands where a term is expected"


UNEXPECTED_END: Final = "a term is expected but the query ends"
NOTHING_ESCAPED: Final = "a backslash must be followed by a character"
NOTHING_EXCLUDED: Final = "a hyphen must be followed by what it excludes"
PHRASE_UNFINISHED: Final = "the quotation mark is not closed"
PHRASE_EMPTY: Final = "the phrase is empty"
GROUP_UNFINISHED: Final = "the parenthesis is not closed"
FIELD_WITH_WILDCARD: Final = "a field name cannot have wildcards"
RANGE_MALFORMED: Final = "a range is written [low TO high] or {low TO high}"
RANGE_WITH_WILDCARD: Final = "the bound of a range cannot have wildcards"
LEADING_WILDCARD_TWICE: Final = "only one term can begin with a wildcard"


def too_long(limit: int) -> str:
    """The whole query."""
    return f"the query is longer than {limit} characters"


def too_long_for_leading_wildcard(limit: int) -> str:
    """A query in which a term begins with a wildcard."""
    return f"a query with a leading wildcard cannot be longer than {limit} characters"


def too_many_terms(limit: int) -> str:
    """12, or 5 in dynamic groups."""
    return f"the query has more than {limit} terms"


def too_many_wildcards(stars: int, marks: int) -> str:
    """In one term."""
    return f"a term cannot have more than {stars} * and {marks} ?"


def too_deep(limit: int) -> str:
    """Parentheses in parentheses."""
    return f"parentheses are nested more than {limit} deep"


def field_unknown(name: str, query: str) -> str:
    """[live] A field that the index does not have; also a named shadow that its filter leaves out."""
    return f"Unable to parse query, invalid field name, field name: {name}, query string: {query}"


def not_indexed(what: str, index: str) -> str:
    """[third hand] A field of a part of the index that is off: shadow, connectivity …"""
    asked = f"Query includes one or more constraints for {what} attribute"
    return f"{asked}, but {what} indexing is not enabled for {index} index"


def query_version_unknown(version: str, known: str) -> str:
    """[R]"""
    return f"Query version {version} is not supported; the supported version is {known}."


# --- aggregation ---


def not_of_numbers(field: str) -> str:
    """[R] GetPercentiles."""
    return f"The aggregation field {field} is not of type Number."


def not_aggregated(field: str) -> str:
    """[R] after the guide: a managed field or a custom field."""
    return f"The aggregation field {field} is neither a managed field nor a custom field of the index."


# --- configuration, all [R] after the guide ---


def mode_needs_indexing(member: str) -> str:
    """``member`` is the mode that is on while thingIndexingMode is OFF."""
    return f"{member} cannot be on while thingIndexingMode is OFF."


def too_many(what: str, limit: int) -> str:
    """Named shadows, geo locations, custom fields."""
    return f"The indexing configuration cannot have more than {limit} {what}."


def field_unnamed(member: str) -> str:
    """``member`` is customFields or managedFields."""
    return f"Each of {member} needs a name and a type."


def field_twice(name: str) -> str:
    """A custom field."""
    return f"Custom field {name} is given more than once."


def field_is_managed(name: str) -> str:
    """A custom field that the service keeps itself."""
    return f"Custom field {name} is a managed field."


def field_not_indexed(name: str) -> str:
    """A custom field outside what the modes index."""
    return f"Custom field {name} is not indexed in the given indexing modes."


def managed_field_unknown(name: str) -> str:
    """Managed fields are the service's."""
    return f"Managed fields cannot be modified: {name} is not one of them."


NAMES_NEEDED: Final = "NamedShadowNames Filter must not be empty for enabling NamedShadowIndexingMode"
"""[live]"""


def groups_outgrown(problems: list[str]) -> str:
    """[R] Dynamic groups whose queries ask for what the new configuration no longer indexes."""
    told = " ".join(f"{problem}." for problem in problems[:3])
    return f"{len(problems)} dynamic thing groups have queries that the configuration does not fit. {told}"


DYNAMIC_GROUPS_NEED_INDEXING: Final = (
    "Thing indexing cannot be turned off while there are dynamic thing groups. Delete them first."
)

# --- dynamic groups ---


def group_is_dynamic(arn: str) -> str:
    """[O] DeleteThingGroup; [R] the other operations that are for static groups."""
    return f"This operation does not support dynamic thing groups. Thing group arn: {arn}"


def group_is_static(arn: str) -> str:
    """[R] after the text for dynamic groups."""
    return f"This operation does not support static thing groups. Thing group arn: {arn}"


def index_unsupported(name: str, known: str) -> str:
    """[R] after the model: one index is supported."""
    return f"Index {name} is not supported for dynamic thing groups; the supported index is {known}."
