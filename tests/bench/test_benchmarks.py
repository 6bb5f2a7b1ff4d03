"""Every benchmark runs, at a size that says nothing about speed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import against, dearest, report
from bench.__main__ import BENCHMARKS, main
from bench.measure import Aim, Figure, side_by_side
from tidegate.ops.table import HANDLERS


@pytest.mark.parametrize("name", BENCHMARKS)
def test_benchmark_runs(name: str) -> None:
    if name == "forecast":
        pytest.importorskip("numpy")
    figures = BENCHMARKS[name](quick=True)
    assert figures
    for figure in figures:
        assert min(figure.values) > 0
        assert not figure.baseline or min(figure.baseline) > 0
        assert figure.name in report.lines(figure)


def test_of_every_operation_the_dearest_request_was_measured() -> None:
    """``python -m bench.dearest NAME …`` measures those that are missing here, and writes them down."""
    found = dearest.kept()
    assert set(HANDLERS) - set(found) == set()
    assert [each for each in found.values() if each.ms > dearest.LONGEST_MS] == []


def test_a_measured_operation_takes_its_place_on_the_page(tmp_path: Path) -> None:
    page = tmp_path / "dearest.md"
    page.write_text(dearest.PAGE.read_text().partition("| iot")[0])
    for plane, name, ms in (("iot", "CreateJob", 1.0), ("iot", "CreateThing", 2.0), ("iot", "CreateJob", 3.0)):
        dearest.keep(dearest.Found(plane, name, ms, "tags, wide"), page)
    assert [(name, each.ms) for (_, name), each in dearest.kept(page).items()] == [
        ("CreateJob", 3.0),
        ("CreateThing", 2.0),
    ]


def test_samples_are_taken_in_turn() -> None:
    order: list[str] = []

    def sample(name: str, value: float) -> float:
        order.append(name)
        return value

    values, baseline = side_by_side(3, lambda: sample("a", 1.0), lambda: sample("b", 2.0))
    assert order == ["a", "b", "b", "a", "a", "b"]
    assert (values, baseline) == ((1.0, 1.0, 1.0), (2.0, 2.0, 2.0))


def test_the_ratio_is_taken_round_by_round() -> None:
    figure = Figure("f", "s", (1.0, 4.0, 3.0), "b", (2.0, 4.0, 3.0), Aim(1.0, at_least=False))
    assert figure.ratio is not None
    assert figure.ratio[:] == (1.0, 0.5, 1.0)
    assert figure.met
    assert not figure._replace(aim=Aim(1.1, at_least=True)).met
    assert not figure._replace(of_value=True).met


def test_figures_replace_what_stood_between_the_marks(tmp_path: Path) -> None:
    path = tmp_path / "benchmarks.md"
    path.write_text(f"before\n{report.BEGIN}old\n{report.END}after\n")
    report.write(path, {"one": [Figure("speed", "runs/s", (2.0,), "walking", (1.0,), Aim(1.5, at_least=True))]})
    text = path.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| speed, runs/s | 2 (2 to 2) | walking: 1 (1 to 1), noise 0% | 2 (2 to 2) | ≥ 1.5 | met |" in text


def test_unknown_names_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["no-such-benchmark"])
    assert "no-such-benchmark" in capsys.readouterr().err


def test_a_tree_is_compared_with_another() -> None:
    pure = against.tree(against.ROOT, pure=True)
    found = against.compare(against.WORKS["pairs"], pure, pure, against.QUICK)
    assert min(sample.cpu for sample in found.ours + found.base) > 0
    assert found.row().startswith("| GetPending pairs | ")
    assert "pure" in against.told(pure)


def test_more_than_one_says_that_this_tree_is_cheaper() -> None:
    ours, base = (against.Sample(10, 5), against.Sample(20, 5)), (against.Sample(20, 5), against.Sample(20, 10))
    found = against.Comparison("work", ours, base)
    assert found.ratio(lambda each: each.cpu)[:] == (1.5, 1, 2)
    assert found.ratio(lambda each: each.wall)[:] == (1.5, 1, 2)
