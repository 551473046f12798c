"""What the state of the rollups knows."""

from __future__ import annotations

import pytest

from flask_chest.rollup import Cubes, Declaration, State
from flask_chest.rollup.state import Kept

pytestmark = pytest.mark.opens_nothing


@pytest.mark.parametrize(
    "declared",
    [
        Declaration(),
        Declaration(
            dimensions=(("tenant",), ("route", "user.plan"), ("variables['odd name']",)),
            measures=("cost_usd", "response.bytes"),
            distinct=("user_id",),
            max_groups=7,
        ),
    ],
)
def test_what_is_rolled_up_is_named_as_it_was_declared(declared):
    cubes = Cubes.of(declared)
    kept = {series: Kept(number, 0) for number, series in enumerate(cubes.series())}
    state = State.load(State(series=kept, max_groups=cubes.max_groups).dump(), "here")
    assert state.declared() == declared
