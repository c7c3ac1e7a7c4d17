"""The experiment `churn`: its numbers, computed again with NumPy, and its sentences."""

import re

import numpy as np
import pytest
from dropcore_lab.experiments import churn, churn_steps
from dropcore_lab.experiments.churn_steps import BIAS1, BIAS2, CHURNED, INPUTS, WEIGHT1, WEIGHT2


def _loss(keep, p, weight1=WEIGHT1, bias1=BIAS1, weight2=WEIGHT2, bias2=BIAS2):
    hidden = np.maximum(INPUTS @ weight1 + bias1, 0) * keep / (1 - p)
    churn = 1 / (1 + np.exp(-(hidden @ weight2 + bias2)))
    return -np.mean(np.log(np.where(CHURNED == 1, churn, 1 - churn)))


@pytest.mark.parametrize("p", [0.0, 0.5, 0.7])
def test_the_step_is_what_the_formulas_say(p):
    step = churn_steps.take(p, seed=0)
    np.testing.assert_allclose(step.before, INPUTS @ WEIGHT1 + BIAS1)
    np.testing.assert_allclose(step.hidden, np.maximum(step.before, 0))
    np.testing.assert_allclose(step.dropped, step.hidden * step.keep / (1 - p))
    np.testing.assert_allclose(step.logit, step.dropped @ WEIGHT2 + BIAS2)
    np.testing.assert_allclose(step.churn, 1 / (1 + np.exp(-step.logit)))
    assert step.loss == pytest.approx(_loss(step.keep, p))
    g = step.gradients
    np.testing.assert_allclose(g["logit"], (step.churn - CHURNED) / 5)
    np.testing.assert_allclose(g["dropped"], g["logit"] @ WEIGHT2.T)
    passes = step.keep / (1 - p) * (step.before > 0)
    np.testing.assert_allclose(g["before"], g["dropped"] * passes)


@pytest.mark.parametrize("name", ["weight1", "bias1", "weight2", "bias2"])
def test_the_gradients_match_finite_differences(name):
    step = churn_steps.take(0.5, seed=0)
    start = {"weight1": WEIGHT1, "bias1": BIAS1, "weight2": WEIGHT2, "bias2": BIAS2}[name]
    for index in np.ndindex(start.shape):
        move = np.zeros_like(start)
        move[index] = 1e-6
        above, below = (_loss(step.keep, 0.5, **{name: start + m}) for m in (move, -move))
        assert step.gradients[name][index] == pytest.approx((above - below) / 2e-6, abs=1e-7)


def test_the_step_is_printed_with_its_mask_and_address(run):
    printed, _ = run("churn", "--p 0.5 --seeds 1 --steps 5")
    step = churn_steps.take(0.5, seed=0)
    assert step.draw in printed
    cells = re.findall(r" dropped(?= |$)", printed, re.MULTILINE)  # lines have no blanks at the end
    assert len(cells) >= np.sum(~step.keep)
    for number in (*step.logit[:, 0], *step.gradients["bias1"], step.loss):
        assert f"{number:.4f}" in printed


def test_no_number_of_the_step_is_minus_0(run):
    printed, _ = run("churn", "--printed-p 0.25 --p 0 --seeds 1 --steps 1")
    step = churn_steps.take(0.25, seed=0)
    numbers = np.concatenate([array.ravel() for array in (step.logit, *step.gradients.values())])
    assert (np.signbit(numbers) & (np.abs(numbers) < 5e-5)).any()  # a sign that may be printed
    assert not re.search(r"-0(?![.\d])|-0\.0+(?!\d)", printed)


def test_units_that_relu_put_to_0_do_not_look_like_kept_or_dropped_ones():
    looks = [churn._look(*unit) for unit in ((False, 0.3), (False, 0.0), (True, 0.0), (True, 0.3))]
    assert looks == ["dropped", "dropped", "zero", "kept"]
    assert len({str(sorted(style.items())) for style in churn.LINES.values()}) == 3


def test_the_picture_shows_each_unit_as_it_is(run, figures):
    run("churn", "--printed-p 0.2 --p 0.5 --seeds 1 --steps 1")
    step = churn_steps.take(0.2, seed=0)
    assert np.any(step.keep & (step.hidden == 0))  # otherwise no line is dashed
    assert "dashed: kept, and 0 by relu" in figures[0].get_supxlabel()
    for row, axes in enumerate(figures[0].axes[:5]):
        shown = [text.get_text() for text in axes.texts[2:6]]
        for text, keep, value in zip(shown, step.keep[row], step.dropped[row], strict=True):
            assert text == (("0" if value == 0 else f"{value:.2f}") if keep else "")
        dashed = [line.get_linestyle() == "--" for line in axes.lines[:12:3]]
        assert dashed == (step.keep[row] & (step.hidden[row] == 0)).tolist()


def test_every_row_of_the_first_layer_is_exact_in_two_digits():
    step = churn_steps.take(0.5, seed=0)
    np.testing.assert_allclose(step.before, step.before.round(2), atol=1e-12)


def _measured(loss, left_out, silent):
    return churn.Measured(
        np.array([1]),
        np.array(loss)[:, None],
        np.full(len(loss), 5),
        np.array(left_out),
        np.array(silent),
    )


@pytest.mark.usefixtures("three_are_enough")
def test_words_follow_the_figures():
    _, *lines = churn.conclusions(
        {
            0.0: _measured([0.1, 0.1, 0.1], [0.5, 0.6, 0.7], [0.0, 0.0, 0.0]),
            0.5: _measured([0.3, 0.3, 0.3], [0.7, 0.6, 0.8], [0.06, 0.06, 0.06]),
        }
    )
    assert lines == [
        "p = 0.5 against 0: the loss on the five rows is higher by 0.20 ± 0.00, and the loss on "
        "a row left out is not clearly changed (higher in 2 of 3 seeds, unchanged in 1).",
        "A guess, the probability 0.5 for every row, has a loss of 0.69. The mean loss of the "
        "networks on a row left out is below the loss of the guess at p = 0.",
        "At p = 0.5 all hidden units were dropped in 6.0 % of the passes of a row (p^4 is 6.2 %). "
        "In such a pass the row trains only the output bias.",
    ]


@pytest.mark.usefixtures("three_are_enough")
def test_words_where_rows_left_out_are_never_better_than_a_coin():
    lines = churn.conclusions({0.0: _measured([0.1] * 3, [0.8, 0.9, 1.0], [0.0] * 3)})
    assert lines[-1].endswith("on a row left out is below the loss of the guess at no p.")


@pytest.mark.usefixtures("three_are_enough")
def test_words_of_a_training_that_diverged():
    bad = _measured([0.1] * 3, [0.8, np.nan, 1.0], [0.0] * 3)
    assert churn.conclusions({0.0: bad}) == ["Training diverged at p = 0: nothing can be compared."]


def test_rows_left_out_are_not_trained_on(monkeypatch):
    seen = []
    real = churn.train

    def spy(config, p, number, rows):
        seen.append(rows)
        return real(config, p, number, rows)

    monkeypatch.setattr(churn, "train", spy)
    churn._left_out(churn.Config(steps=2), 0.5, 0)
    assert [np.flatnonzero(~rows).tolist() for rows in seen] == [[0], [1], [2], [3], [4]]
