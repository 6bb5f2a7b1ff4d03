"""The checked-in modules are what the generator writes."""

from __future__ import annotations

import pytest

from tests.wire import model_values
from tidegate.wire import iot, patterns, routes
from tools import generate_wire


@pytest.mark.parametrize("module", generate_wire.PLANES)
def test_checked_in_files_are_current(module: str) -> None:
    checked_in = generate_wire.path_of(module).read_text(encoding="utf-8")
    assert checked_in == generate_wire.render(module), "run: python -m tools.regen"


def test_every_listed_operation_is_generated() -> None:
    for module, (plane, names) in generate_wire.PLANES.items():
        generated = routes.OPERATIONS[plane]  # type: ignore[index]
        assert list(generated) == names, module
        assert all(operation.plane == plane for operation in generated.values())


def test_every_pattern_of_the_models_has_a_translation() -> None:
    used = set()
    for module in generate_wire.PLANES:
        generator = generate_wire.Generator(module)
        used |= {generator.constraints(name).get("pattern") for name in generator.reached} - {None}
    assert used == patterns.TRANSLATIONS.keys() | patterns.FUNCTIONS.keys()
    assert used == model_values.ALPHABETS.keys() | model_values.SAMPLES.keys()


def test_limits_beyond_the_model_name_shapes_that_are_reached() -> None:
    for module, name in generate_wire.BEYOND_THE_MODEL:
        assert name in generate_wire.Generator(module).reached, name


def test_get_operations_are_read_only() -> None:
    assert iot.OPERATIONS["DescribeJob"].read_only
    assert not iot.OPERATIONS["CreateJob"].read_only
