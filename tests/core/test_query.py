"""The fleet index's query language: control reference 18.2."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tidegate.core import query
from tidegate.core.query import And, Everything, Not, Or, Pattern, Phrase, Present, Range, Term
from tidegate.core.query.tree import Bound, leaves


def document(**fields: Any) -> query.Document:
    """Fields by name, ``__`` for a dot; a list is several values."""
    found = {}
    for name, given_values in fields.items():
        values = given_values if isinstance(given_values, list) else [given_values]
        found[name.replace("__", ".")] = [query.value(one) for one in values]
    return found


PUMP = document(
    thingName="Pump-1:north",
    thingGroupNames=["site", "Berlin"],
    attributes__model="X200",
    attributes__size="75",
    attributes__serialNumber="abce",
    shadow__reported__location="New York  City",
    shadow__reported__myvalues=[1, 2, 3],
    shadow__reported__temp=-5.5,
    shadow__hasDelta=True,
    shadow__reported__mail="a@b.example, c",
    connectivity__timestamp=1557651600000,
)


@pytest.mark.parametrize(
    "text",
    [
        "*",
        "berlin",
        "BERLIN",
        "thingName:pump-1:north",
        "thingName:Pump*",
        "thingName:*north",
        "thingName:*1:n*",
        "thingName:pump-?:north",
        "thingName : pump*",
        'thingName:"PUMP-1:NORTH"',
        "thingGroupNames:site",
        "thingGroupNames:(nowhere OR berlin)",
        "thingGroupNames:(s* AND -plasma)",
        "attributes.model:*",
        "attributes.size:75",
        "attributes.size:75.0",
        "attributes.size:7.5e1",
        "attributes.size:[75 TO 80]",
        "attributes.size:{74 TO 75]",
        "attributes.size:[75 TO *]",
        "attributes.size:[* TO 75]",
        "attributes.size>=75",
        "attributes.size > 9",
        "attributes.size<100",
        "attributes.size<=75 attributes.size:>=75",
        "attributes.size:(>74 AND <76)",
        'attributes.serialNumber:["abcd" TO "abcf"]',
        "attributes.serialNumber>=abce",
        "attributes.model>x1",
        "shadow.reported.location:york",
        'shadow.reported.location:"new york"',
        'shadow.reported.location:"york city"',
        "shadow.reported.location:y*k",
        "shadow.reported.myvalues:2",
        "shadow.reported.myvalues>2",
        "shadow.reported.temp:-5.5",
        "shadow.reported.temp:[-6 TO -5]",
        "shadow.reported.temp<-5",
        "shadow.hasDelta:true",
        "shadow.hasDelta:TRUE",
        "NOT attributes.model:legacy",
        "-attributes.model:legacy",
        "NOT NOT attributes.model:x200",
        "attributes.none:* OR berlin",
        "attributes.model:x200 attributes.size<80 NOT attributes.size>80",
        "attributes.model:x200 AND (berlin OR rome) NOT legacy",
        "rome AND paris OR berlin",
        "berlin OR rome AND paris",
        "((berlin))",
        "connectivity.timestamp : [1557651600000 TO 1557867600000]",
        "shadow.reported.mail:a\\@b*",
        'shadow.reported.mail:"a@b.example, c"',
        "and OR berlin",
        "thingName:pump\\-1\\:north",
        "attributes.size:[7 TO 8e9]",
    ],
)
def test_what_is_found(text: str) -> None:
    assert query.matches(query.parse(text), PUMP)


@pytest.mark.parametrize(
    "text",
    [
        "pump",
        "thingname:pump*",
        "thingName:pump",
        "thingName:p?mp",
        "thingName:pump-??:north",
        "attributes.model:x",
        "attributes.none:*",
        "attributes.size:{75 TO 80]",
        "attributes.size:[70 TO 75}",
        "attributes.size>75",
        "attributes.size<75",
        'attributes.size:["8" TO "9"]',
        "attributes.serialNumber:{abce TO abcf]",
        "attributes.model>5",
        'shadow.reported.location:"york new"',
        'shadow.reported.location:"new yor*"',
        "shadow.reported.location:newyork",
        "shadow.reported.myvalues:4",
        "shadow.hasDelta:1",
        "NOT berlin",
        "berlin -site",
        "berlin AND NOT site",
        "(rome OR berlin) paris",
        "rome OR berlin AND paris",
        "thingGroupNames:(s* AND -berlin)",
        "thingName:pump\\*",
        "attributes.size:\\75.0",
        "shadow.reported.myvalues:[1.5 TO 1.9]",
    ],
)
def test_what_is_not_found(text: str) -> None:
    assert not query.matches(query.parse(text), PUMP)


def test_words_end_at_white_space_as_java_knows_it() -> None:
    text = document(a="one\u2003two\u3000three\u00a0four")
    assert query.matches(query.parse("a:one a:two"), text)
    assert query.matches(query.parse("a:three\u00a0four"), text)
    assert not query.matches(query.parse("a:three"), text)


def test_an_integer_that_no_index_compares_exactly_is_only_text() -> None:
    near, far = 2**53 - 1, 2**53
    assert query.matches(query.parse(f"a>={near}"), document(a=near))
    assert query.matches(query.parse(f"a:{far}"), document(a=far))
    assert not query.matches(query.parse("a>1"), document(a=str(far)))
    assert not query.matches(query.parse("a>1"), document(a="1e999"))


def test_a_long_word_is_compared_without_going_back() -> None:
    assert not query.matches(query.parse("a:*x*y"), document(a="x" * 100_000))
    assert query.matches(query.parse("a:x*?x"), document(a="x" * 100_000))


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a b", And((Term(None, "a", None), Term(None, "b", None)))),
        ("a AND b", And((Term(None, "a", None), Term(None, "b", None)))),
        ("a OR b c", And((Or((Term(None, "a", None), Term(None, "b", None))), Term(None, "c", None)))),
        ("a OR b AND c", Or((Term(None, "a", None), And((Term(None, "b", None), Term(None, "c", None)))))),
        ("-a", Not(Term(None, "a", None))),
        ("f:-1", Term("f", "-1", -1)),
        ("f:(-1)", Not(Term("f", "1", 1))),
        ("f:a*b?", Pattern("f", ("a", "*", "b", "?", ""))),
        ('f:"A  b"', Phrase("f", ("a", "b"))),
        ("*", Everything()),
        ("[* TO *]", Everything()),
        ("f:*", Present("f")),
        ("f:[* TO *]", Present("f")),
        ("f:{1 TO B]", Range("f", Bound("1", 1, False), Bound("b", None, True))),
        ("f<=2", Range("f", None, Bound("2", 2, True))),
        ('f>"x y"', Range("f", Bound("x y", None, False), None)),
        ("f:ORDER NOTE", And((Term("f", "order", None), Term(None, "note", None)))),
    ],
)
def test_trees(text: str, tree: query.Node) -> None:
    assert query.parse(text) == tree


@pytest.mark.parametrize(
    ("text", "problem", "position"),
    [
        ("", "a term is expected but the query ends", 1),
        ("  ", "a term is expected but the query ends", 3),
        ("a AND", "a term is expected but the query ends", 6),
        ("a OR OR b", "the operator OR stands where a term is expected", 6),
        ("AND a", "the operator AND stands where a term is expected", 1),
        ("f:OR", "the operator OR stands where a term is expected", 3),
        ("f:", "a term is expected but the query ends", 3),
        ("(a", "the parenthesis is not closed", 1),
        ("f:(a OR b", "the parenthesis is not closed", 3),
        ("a)", "unexpected character )", 2),
        ("()", "unexpected character )", 2),
        (":a", "unexpected character :", 1),
        (">5", "unexpected character >", 1),
        ("- a", "a hyphen must be followed by what it excludes", 2),
        ("a -", "a hyphen must be followed by what it excludes", 4),
        ('a "b', "the quotation mark is not closed", 3),
        ('f:""', "the phrase is empty", 3),
        ("f:a\\", "a backslash must be followed by a character", 5),
        ("f*:a", "a field name cannot have wildcards", 1),
        ("f:[1 2]", "a range is written [low TO high] or {low TO high}", 3),
        ("f:[1 TO 2", "a range is written [low TO high] or {low TO high}", 3),
        ("f:[1 TO 2)", "a range is written [low TO high] or {low TO high}", 3),
        ("f:[a* TO b]", "the bound of a range cannot have wildcards", 4),
        ("f>*", "the bound of a range cannot have wildcards", 3),
        ("f:*a g:*b", "only one term can begin with a wildcard", 8),
        ("f:?a g:*b", "only one term can begin with a wildcard", 8),
        ("f:a*b*c*d", "a term cannot have more than 2 * and 5 ?", 3),
        ("f:a??????", "a term cannot have more than 2 * and 5 ?", 3),
        ('"a b"~2', "the character ~ is not supported; quote the value or put a backslash before it", 6),
        ('"a\x00b"', "unexpected character NUL", 3),
        ("a = b", "the character = is not supported; quote the value or put a backslash before it", 3),
    ],
)
def test_what_is_no_query(text: str, problem: str, position: int) -> None:
    with pytest.raises(query.InvalidQueryError) as caught:
        query.parse(text)
    assert str(caught.value) == f"Invalid query string: {problem} (at character {position})."


@pytest.mark.parametrize("character", list("`@#%/';,!+^~&|="))
def test_characters_that_are_not_supported_unless_quoted_or_escaped(character: str) -> None:
    with pytest.raises(query.InvalidQueryError, match="is not supported"):
        query.parse(f"f:{character}b")
    assert query.parse(f"f:a\\{character}b") == Term("f", f"a{character}b", None)
    assert query.parse(f'f:"a{character}b"') == Phrase("f", (f"a{character}b",))


def test_an_equals_sign_may_stand_inside_a_value() -> None:
    assert query.parse("f:a=b") == Term("f", "a=b", None)
    with pytest.raises(query.InvalidQueryError):
        query.parse("a=b")


@pytest.mark.parametrize(("limit", "count"), [(12, 12), (5, 5)])
def test_terms_are_counted(limit: int, count: int) -> None:
    query.parse(" ".join(["f:a"] * count), limit)
    with pytest.raises(query.InvalidQueryError, match=f"more than {limit} terms"):
        query.parse(" ".join(["f:a"] * (count + 1)), limit)
    with pytest.raises(query.InvalidQueryError, match=f"more than {limit} terms"):
        query.parse(f"f:({' OR '.join(['[1 TO 2]'] * (count + 1))})", limit)


def test_a_query_has_at_most_a_thousand_characters() -> None:
    query.parse("f:" + "a" * 998)
    with pytest.raises(query.InvalidQueryError, match="longer than 1000 characters"):
        query.parse("f:" + "a" * 999)


def test_a_query_with_a_leading_wildcard_has_at_most_a_hundred_characters() -> None:
    query.parse("f:*" + "a" * 97)
    query.parse("f:* " + "a" * 97)  # a star alone is not a leading wildcard
    with pytest.raises(query.InvalidQueryError, match="with a leading wildcard cannot be longer than 100"):
        query.parse("f:*" + "a" * 98)


def test_parentheses_end_before_the_stack_does() -> None:
    query.parse("(" * 50 + "a" + ")" * 50)
    with pytest.raises(query.InvalidQueryError, match="nested more than 50 deep"):
        query.parse("(" * 499 + "a" + ")" * 499)
    query.parse("NOT " * 240 + "a")


# --- properties ---

_SIGNS = st.sampled_from(["a", "b:", "f", ":", "(", ")", "[", "]", "{", "}", '"', "\\", "*", "?", "-", " ", ">", "<="])
_WORDS = st.sampled_from(["AND", "OR", "NOT", "TO", "1", "-2.5", "1e999", "\u3000", "ß", "İ", "\x00"])


@given(st.lists(_SIGNS | _WORDS | st.characters(), max_size=40).map("".join))
@example("(" * 1000)
@example("-" * 1000)
@example('"' + "\\" * 998)
def test_nothing_but_a_tree_or_an_invalid_query(text: str) -> None:
    try:
        tree = query.parse(text)
    except query.InvalidQueryError:
        pass
    else:
        assert 1 <= sum(1 for _ in leaves(tree)) <= query.MOST_TERMS
        query.matches(tree, PUMP)


_FIELDS = st.sampled_from(["f", "g", None])
_TEXTS = st.sampled_from(["a", "b", "5", "7", "aa"])
_LEAVES = st.one_of(
    st.builds(lambda field, text: f"{field}:{text}" if field else text, _FIELDS, _TEXTS),
    st.builds(lambda text: f"f:{text}*", _TEXTS),
    st.builds(lambda text: f"f>={text}", _TEXTS),
    st.just("*"),
    st.just("g:*"),
)
_EXPRESSIONS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.builds("({} OR {})".format, inner, inner),
        st.builds("({} AND {})".format, inner, inner),
        st.builds("(NOT {})".format, inner),
    ),
    max_leaves=4,
)
_DOCUMENTS = st.fixed_dictionaries(
    {}, optional={name: st.lists(_TEXTS | st.integers(0, 9) | st.booleans(), max_size=3) for name in ("f", "g")}
).map(lambda fields: document(**fields))


def holds(text: str, found: query.Document) -> bool:
    return query.matches(query.parse(text), found)


@given(_EXPRESSIONS, _EXPRESSIONS, _DOCUMENTS)
def test_de_morgan(one: str, other: str, found: query.Document) -> None:
    assert holds(f"NOT ({one} AND {other})", found) == holds(f"(NOT {one}) OR (NOT {other})", found)
    assert holds(f"-({one} OR {other})", found) == holds(f"(NOT {one}) (NOT {other})", found)


@given(_EXPRESSIONS, _EXPRESSIONS, _EXPRESSIONS, _DOCUMENTS)
def test_and_binds_closer_than_or(one: str, other: str, third: str, found: query.Document) -> None:
    assert holds(f"{one} OR {other} AND {third}", found) == holds(f"{one} OR ({other} AND {third})", found)
    assert holds(f"{one} {other} OR {third}", found) == holds(f"{one} AND ({other} OR {third})", found)
    assert holds(f"{one} OR {other} {third}", found) == holds(f"({one} OR {other}) AND {third}", found)


@given(st.integers(-9, 9), st.integers(-9, 9), st.integers(-9, 9))
def test_a_range_is_its_two_comparisons(low: int, high: int, number: int) -> None:
    found = document(f=number)
    assert holds(f"f:[{low} TO {high}]", found) == holds(f"f>={low} AND f<={high}", found) == (low <= number <= high)
    assert holds(f"f:{{{low} TO {high}}}", found) == holds(f"f>{low} AND f<{high}", found) == (low < number < high)


@given(st.text("ab", max_size=6), st.text("ab*?", min_size=1, max_size=5))
def test_wildcards_are_those_of_file_names(word: str, form: str) -> None:
    from fnmatch import fnmatchcase

    if form.count("*") > 2:
        return
    assert holds(f"f:x{form}", document(f=f"x{word}")) == fnmatchcase(word, form)
