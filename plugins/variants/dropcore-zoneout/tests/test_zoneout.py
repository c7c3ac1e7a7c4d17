import doctest
import re
from pathlib import Path

import dropcore_zoneout
import numpy as np
import pytest

import dropcore

DRAW = dropcore.Stream(7).at(3)
SHAPE = (64, 33)
KEEP = dropcore.keep_mask(SHAPE, 0.3, rng=DRAW)


def states():
    rng = np.random.default_rng(0)
    return rng.normal(size=SHAPE), rng.normal(size=SHAPE)


def zoneout(x, previous, p=0.3, training=True, **given):
    return dropcore.dropout(
        x, p, training=training, rng=DRAW, variant="zoneout", previous=previous, **given
    )


def test_dropped_elements_are_those_of_previous():
    x, previous = states()
    y, _ = zoneout(x, previous)
    np.testing.assert_array_equal(y, np.where(KEEP, x, previous))


def test_both_gradients():
    x, previous = states()
    _, mask = zoneout(x, previous)
    dy = np.full(SHAPE, np.inf)
    dx, dprevious = mask.backward(dy)
    np.testing.assert_array_equal(dx, np.where(KEEP, np.inf, 0))
    np.testing.assert_array_equal(dprevious, np.where(KEEP, 0, np.inf))


def test_the_draw_is_all_that_backward_needs():
    x, previous = states()
    y, mask = zoneout(x, previous)
    record = mask.record()
    np.testing.assert_array_equal(dropcore.Mask.from_record(record).forward(x, previous), y)
    dx, dprevious = mask.variant.backward(dropcore.Draw.parse(record["draw"]), 0.3, x)
    np.testing.assert_array_equal(dx + dprevious, x)
    np.testing.assert_array_equal(dx, np.where(KEEP, x, 0))


def test_what_is_not_chosen_leaves_no_trace():
    x, previous = states()
    x[~KEEP], previous[KEEP] = np.nan, np.inf
    y, _ = zoneout(x, previous)
    assert np.isfinite(y).all()


def test_inference_is_the_mean_of_training():
    x, previous = states()
    y, mask = zoneout(x, previous, training=False)
    np.testing.assert_allclose(y, 0.3 * previous + 0.7 * x, rtol=1e-14)
    dx, dprevious = mask.backward(x)
    np.testing.assert_array_equal(dx, 0.7 * x)
    np.testing.assert_array_equal(dprevious, 0.3 * x)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("p", [0, 1])
def test_at_both_ends_one_input_is_all(p, training):
    x, previous = states()
    chosen, other = (previous, x) if p else (x, previous)
    other[:] = np.inf
    y, mask = zoneout(x, previous, p, training)
    np.testing.assert_array_equal(y, chosen)
    gradients = mask.backward(np.full(SHAPE, np.inf))
    assert np.isinf(gradients[p]).all()
    assert (gradients[1 - p] == 0).all()


def test_it_is_a_state_carried_over_in_a_loop():
    stream, state = dropcore.Stream(1), np.zeros(8)
    for step in range(1, 5):
        proposed = np.full(8, float(step))
        new, mask = dropcore.dropout(
            proposed, 0.5, training=True, rng=stream, variant="zoneout", previous=state
        )
        keep = dropcore.keep_mask(8, 0.5, rng=mask.draw)
        np.testing.assert_array_equal(new, np.where(keep, proposed, state))
        state = new


def test_previous_must_be_given_and_fit():
    x, previous = states()
    with pytest.raises(TypeError, match="previous"):
        dropcore.dropout(x, 0.3, training=True, rng=DRAW, variant="zoneout")
    with pytest.raises(ValueError, match="previous"):
        zoneout(x, previous[:-1])
    with pytest.raises(TypeError, match="previous"):
        zoneout(x, previous.astype(np.float32))


def test_the_examples_run():
    assert doctest.testmod(dropcore_zoneout) == (0, 6)
    readme = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
    (example,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    exec(example, {})
