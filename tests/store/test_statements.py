"""The named statements: every one compiles on both engines, is run by some function, and the files obey their rules."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import tidegate.store
from tidegate.store import migrations, statements
from tidegate.store.database import Database, Lane, StoreError
from tidegate.store.postgres import PostgresDatabase
from tidegate.store.sqlite import SqliteDatabase

SOURCE = Path(tidegate.store.__file__).parent
_SQLITE_PARAMETER = re.compile(r"(?<![:\w]):(\w+)")
_POSTGRES_PARAMETER = re.compile(r"%\((\w+)\)s")


def test_every_statement_compiles(database: Database) -> None:
    if isinstance(database, SqliteDatabase):
        for statement in statements.load("sqlite").values():
            nulls = dict.fromkeys(_SQLITE_PARAMETER.findall(statement.sql))
            database._connection.execute(f"EXPLAIN {statement.sql}", nulls)
    else:
        assert isinstance(database, PostgresDatabase)
        with database._connection("BEGIN", Lane.OPERATORS) as connection:
            for name, statement in statements.load("postgres").items():
                nulls = dict.fromkeys(_POSTGRES_PARAMETER.findall(statement.sql))
                connection.execute(f"EXPLAIN {statement.sql}", nulls)
                assert connection.info.transaction_status.name == "INTRANS", name


def test_every_statement_is_run_by_some_function() -> None:
    code = "\n".join(path.read_text() for path in SOURCE.glob("*.py"))
    assert [name for name in statements.load("sqlite") if f'"{name}"' not in code] == []


def test_both_engines_have_the_same_statements() -> None:
    assert statements.load("sqlite").keys() == statements.load("postgres").keys()


@pytest.mark.parametrize(
    ("query", "writes"),
    [
        ("template_get", False),
        ("template_insert", True),
        ("template_delete", True),
        ("job_put", True),
        ("job_lock", False),
    ],
)
def test_writing_statements_are_known_as_such(query: str, writes: bool) -> None:
    assert statements.load("sqlite")[query].writes is statements.load("postgres")[query].writes is writes


@pytest.fixture
def queries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of statements."""
    folder = tmp_path / "queries"
    folder.mkdir()
    monkeypatch.setattr(statements, "files", lambda package: tmp_path)
    return folder


def load(dialect: statements.Dialect = "postgres") -> dict[str, statements.Statement]:
    return statements.load.__wrapped__(dialect)


def test_a_statement_is_one_line_without_comments_in_the_engines_own_style(queries: Path) -> None:
    (queries / "a.sql").write_text("-- name: a_get\n-- why\nSELECT x, 5 % 2, y::text -- z\nFROM a\n WHERE b = :b;\n")
    assert load("sqlite")["a_get"].sql == "SELECT x, 5 % 2, y::text FROM a WHERE b = :b"
    assert load("postgres")["a_get"].sql == "SELECT x, 5 %% 2, y::text FROM a WHERE b = %(b)s"


def test_a_dialect_file_replaces_and_says_why(queries: Path) -> None:
    (queries / "a.sql").write_text("-- name: a_get\nSELECT 1;\n-- name: a_list\nSELECT 2;\n")
    (queries / "a.postgres.sql").write_text("-- name: a_get\n-- Differs: it must.\nSELECT 3;\n")
    assert [load(dialect)["a_get"].sql for dialect in ("sqlite", "postgres")] == ["SELECT 1", "SELECT 3"]
    assert load("postgres")["a_list"].sql == "SELECT 2"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"a.sql": "-- name: x\nSELECT 1;\n-- name: x\nSELECT 2;\n"}, "defined twice"),
        ({"a.sql": "-- name: x\nSELECT 1;\n", "b.sql": "-- name: x\nSELECT 2;\n"}, "defined twice"),
        ({"a.postgres.sql": "-- name: x\n-- Differs: so.\nSELECT 1;\n"}, "without a common one"),
        ({"a.sql": "-- name: x\nSELECT 1;\n", "a.postgres.sql": "-- name: x\nSELECT 2;\n"}, "does not say why"),
    ],
)
def test_files_that_break_the_rules_are_refused(queries: Path, files: dict[str, str], message: str) -> None:
    for name, text in files.items():
        (queries / name).write_text(text)
    with pytest.raises(ValueError, match=message):
        load()


def test_migrations_are_numbered_without_gaps() -> None:
    for dialect in ("sqlite", "postgres"):
        found = migrations.steps(dialect)
        assert [step.number for step in found] == list(range(1, len(found) + 1))


def test_a_database_that_skipped_a_migration_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [migrations.Migration(number, f"m{number}", f"c{number}", []) for number in (1, 2, 3)]
    monkeypatch.setattr(migrations, "steps", lambda dialect: given)
    monkeypatch.setattr(migrations, "_LANDED_LATE", frozenset())
    assert migrations.pending("sqlite", []) == given
    assert migrations.pending("sqlite", [(1, "c1"), (2, "c2")]) == given[2:]
    assert migrations.pending("sqlite", [(1, "c1"), (2, "c2"), (3, "c3")]) == []
    with pytest.raises(StoreError, match=r"lacks migration 2 \(m2\) but has later ones"):
        migrations.pending("sqlite", [(1, "c1"), (3, "c3")])
