"""The claim of each card, tested with several seeds."""

import functools

import numpy as np
import pytest
from dropcore_lab import guided, presets, reading
from dropcore_lab.cards import CARDS
from dropcore_lab.experiments import spread
from dropcore_lab.training import Training

CLAIMS = {
    "none": "higher",
    "p20": "lower",
    "p50": "lower",
    "p80": "higher",
    "left-on": "higher",
    "output": "higher",
    "norm": "higher",
    "spatial": "higher",
    "small-data": "unclear",
}


@functools.cache
def done(name):
    card = CARDS[name]
    job = guided.start(card, "lower", card.seeds)
    progress = []
    try:
        while True:
            sent = next(job)
            if sent is not None:
                progress.append(sent[0]["progress"])
    except StopIteration as end:
        return progress, *end.value


def figures(name):
    """The values of the figures of each arm, shape (seeds,)."""
    _, message, _ = done(name)
    return [
        {
            label: np.array(figure["values"])
            for label, figure in zip(message["figures"], arm["figures"], strict=True)
        }
        for arm in message["arms"]
    ]


def test_every_card_has_a_claim():
    assert CLAIMS.keys() == CARDS.keys()


@pytest.mark.parametrize("name", CARDS)
def test_what_is_measured_is_what_the_card_was_made_to_show(name):
    progress, message, _ = done(name)
    card = CARDS[name]
    assert message["answer"] == CLAIMS[name]
    assert message["answer"] in card.choices
    assert message["right"] == (message["answer"] == "lower")
    assert len(progress) == card.seeds * len(card.specs)
    assert [p["done"] for p in progress] == list(range(len(progress)))
    assert len(message["arms"]) == len(card.arms)
    *sentences, rule = message["sentences"]
    assert len(sentences) == len(card.comparisons)
    assert rule == spread.rule(card.seeds)
    assert card.seeds >= spread.FEWEST
    assert all(
        len(figure["values"]) == card.seeds for arm in message["arms"] for figure in arm["figures"]
    )


@pytest.mark.parametrize("name", ["p20", "p50"])
def test_dropout_narrows_the_gap_in_every_seed(name):
    without, with_dropout = figures(name)
    gaps = [arm[guided.VALIDATION] - arm[guided.TRAINING] for arm in (without, with_dropout)]
    assert (gaps[1] < gaps[0]).all()
    assert (with_dropout[guided.TRAINING] > without[guided.TRAINING]).all()


def test_normalisation_behind_which_dropout_stands_meets_no_shift():
    before, behind = figures("norm")
    assert (before[guided.SHIFT] > 1.05).all()
    np.testing.assert_allclose(behind[guided.SHIFT], 1, atol=0.05)  # that of the first's statistics


def test_with_many_rows_the_accuracy_rises():
    _, _, without, with_dropout = figures("small-data")
    assert (with_dropout[guided.ACCURACY] > without[guided.ACCURACY]).all()


def test_dropout_on_the_outputs_is_the_worst_place():
    without, before, outputs = figures("output")
    assert (outputs[guided.VALIDATION] > before[guided.VALIDATION]).all()
    assert (outputs[guided.VALIDATION] > without[guided.VALIDATION]).all()


def test_sentences_say_what_was_measured():
    _, message, _ = done("p50")
    change = np.mean(figures("p50")[1][guided.VALIDATION] - figures("p50")[0][guided.VALIDATION])
    assert f"lower by {-change:.2f} ±" in message["sentences"][0]


@pytest.mark.parametrize(("seeds", "told"), [(1, False), (spread.FEWEST, True)])
def test_too_few_seeds_are_no_answer(seeds, told):
    values = [0.5] * seeds, [1.0] * seeds
    figures = [dict.fromkeys(CARDS["p50"].figures, each) for each in values]
    curves = [{"training_off": [np.zeros(1)] * seeds} for _ in values]
    found = guided.Measurements(figures, [0], curves)
    message, _ = guided._summary(CARDS["p50"], "higher", found)
    assert (message["answer"], message["right"]) == (("higher", True) if told else (None, None))
    if not told:
        assert message["sentences"] == [spread.too_few(seeds)]


def test_curves_are_the_means_over_the_seeds():
    _, message, buffers = done("none")
    curve = np.frombuffer(buffers[message["curves"]["arms"][0]["validation_off"]], "<f4")
    steps = np.frombuffer(buffers[message["curves"]["steps"]], "<i4")
    assert curve.shape == steps.shape
    mean = np.mean(figures("none")[0][guided.VALIDATION])
    assert curve[-1] == pytest.approx(mean, rel=1e-4)


def test_a_card_of_a_data_set_that_is_missing_says_so(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert "scikit-learn" in CARDS["spatial"].reason
    assert CARDS["none"].reason is None
    assert not CARDS["spatial"].described()["available"]


def test_a_training_that_diverges_is_said():
    card = CARDS["p50"]
    found = guided.Measurements(
        [{guided.VALIDATION: [value] * spread.FEWEST} for value in (np.nan, 1.0)], [0], [{}, {}]
    )
    change = guided._change(card.comparisons[0], found)
    assert "diverged" in guided._sentence(card.comparisons[0], change)
    assert guided._answer(change) == "unclear"


# ----------------------------------------------------------------------- presets


def final(name):
    """Final losses of the runs of a preset, for three seeds; shape (seeds, runs)."""
    spec = reading.read(next(p for p in presets.PRESETS if p.id == name).spec)
    losses = []
    for seed in range(3):
        training = Training(spec.seeded(seed))
        while not training.finished:
            training.advance(show=False)
        losses.append([training.measure(network) for network in training.networks])
    return losses


@pytest.mark.parametrize("name", ["overfit", "digits", "cancer"])
def test_in_presets_against_overfitting_dropout_narrows_the_gap(name):
    for without, with_dropout in final(name):
        gaps = [m.validation_off - m.training_off for m in (without, with_dropout)]
        assert gaps[1] < gaps[0]
        assert with_dropout.validation_off < without.validation_off


@pytest.mark.parametrize("preset", presets.PRESETS, ids=lambda preset: preset.id)
def test_every_preset_trains(preset):
    training = Training(reading.read(preset.spec))
    for _ in range(20):
        training.advance(show=True)
    assert training.not_finite is None
    assert training.again() == {"losses": True, "masks": True}
    described = preset.described()
    assert described["available"]
    assert described["text"]
