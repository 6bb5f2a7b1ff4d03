"""The query language of the fleet index (control reference 18.2): text to tree, tree against documents.

A query is terms over named fields, joined by AND (which may be left out), OR and NOT (or ``-`` before a term). NOT
binds closest, then AND, then OR; an AND that is left out binds least: ``a OR b c`` is ``(a OR b) AND c``. A value is
cut into words at white space, and a term is about one of them; letters' case does not matter in values, in field names
it does. What is a number on both sides is compared as one.

Not here: where documents come from (``core.indexing``), and geographic queries.
"""

from __future__ import annotations

from tidegate.core.query.matching import Document, Scalar, Value, matches, value
from tidegate.core.query.parser import MOST_TERMS, MOST_TERMS_OF_GROUP, parse
from tidegate.core.query.scanner import InvalidQueryError
from tidegate.core.query.tree import And, Everything, Node, Not, Or, Pattern, Phrase, Present, Range, Term, leaves

__all__ = [
    "MOST_TERMS",
    "MOST_TERMS_OF_GROUP",
    "And",
    "Document",
    "Everything",
    "InvalidQueryError",
    "Node",
    "Not",
    "Or",
    "Pattern",
    "Phrase",
    "Present",
    "Range",
    "Scalar",
    "Term",
    "Value",
    "leaves",
    "matches",
    "parse",
    "value",
]
