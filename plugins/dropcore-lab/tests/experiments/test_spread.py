"""How often chance alone makes all seeds agree, counted over all signs."""

from itertools import product

import pytest
from dropcore_lab.experiments import spread
from dropcore_lab.experiments.spread import Change, Spread


@pytest.mark.parametrize("seeds", range(1, 11))
def test_chance_is_the_share_of_all_signs_that_agree(seeds):
    changes = [Change.between([0] * seeds, signs) for signs in product((-1, 1), repeat=seeds)]
    named = sum(change.rose or change.fell for change in changes)
    assert named * spread.chance(seeds) == len(changes)


@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_a_seed_without_a_difference_makes_chance_rarer(seeds):
    changes = [Change.between([0] * seeds, signs) for signs in product((-1, 0, 1), repeat=seeds)]
    named = sum(change.rose or change.fell for change in changes)
    assert named * spread.chance(seeds) < len(changes)


def test_the_chance_of_many_seeds_is_a_short_number():
    assert spread.chance(1000) == 2**20


def test_a_mean_that_rounds_to_0_has_no_sign():
    assert Spread.of([-0.0001, -0.0001]).text(3) == "0.000 ± 0.000"
