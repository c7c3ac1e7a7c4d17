"""The experiment `variants`: the variants that it can use, and its sentences."""

import numpy as np
import pytest
from dropcore_lab.experiments import command, extras, variants
from dropcore_lab.experiments.figures import Figures

import dropcore

BUILT_IN = ("standard", "spatial", "alpha")


def test_every_built_in_variant_takes_part():
    usable, skipped = variants.usable(variants.Config(variants=BUILT_IN))
    assert tuple(usable) == BUILT_IN
    assert skipped == {}


def test_every_installed_variant_takes_part_or_has_a_reason():
    usable, skipped = variants.usable(variants.Config())
    assert usable.keys() | skipped.keys() == set(dropcore.variant_names())
    assert not usable.keys() & skipped.keys()
    assert all(skipped.values())


def test_an_unknown_variant_is_left_out_with_the_reason():
    usable, skipped = variants.usable(variants.Config(variants=("standard", "standart")))
    assert list(usable) == ["standard"]
    assert "did you mean 'standard'" in skipped["standart"]


def test_a_variant_with_required_options_that_the_table_lacks_is_left_out(monkeypatch):
    monkeypatch.delitem(variants.OPTIONS, "spatial")
    _, skipped = variants.usable(variants.Config(variants=("spatial",)))
    assert "cannot be made without options" in skipped["spatial"]


def test_a_variant_with_a_further_input_is_left_out(monkeypatch):
    monkeypatch.setattr(type(dropcore.get_variant("standard")), "inputs", ("x", "previous"))
    _, skipped = variants.usable(variants.Config(variants=("standard",)))
    assert skipped["standard"] == (
        "the variant needs a further input, previous, that this network lacks"
    )


def test_left_out_variants_are_printed(run, monkeypatch):
    def try_out(variant, config, tried=variants._try_out):
        if variant.name == "alpha":
            raise ValueError("x has too few axes.")
        tried(variant, config)

    monkeypatch.setattr(variants, "_try_out", try_out)
    words = "--seeds 1 --rows 40 --channels 2 --epochs 1 --timed 1"
    printed, picture = run("variants", words)
    assert "Left out" in printed
    assert "alpha: x has too few axes." in printed
    assert picture.exists()


def test_a_variant_that_was_asked_for_and_cannot_run_is_an_error(tmp_path, monkeypatch, capsys):
    for module in extras.NEEDED:
        pytest.importorskip(module)
    monkeypatch.delitem(variants.OPTIONS, "spatial")
    words = ["variants", "--variants", "standard", "spatial", "--out", str(tmp_path)]
    assert command.main(words) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(
        "dropcore experiment variants: this network cannot run all of these variants: spatial: "
    )
    assert printed.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_variant_that_is_not_installed_is_refused(run, capsys):
    with pytest.raises(SystemExit):
        run("variants", "--variants standard standart")
    said = " ".join(capsys.readouterr().err.split())
    assert "did you mean 'standard'" in said
    assert "make plugins installs them" in said


def test_remarks_name_what_is_not_default():
    assert variants._remarks(dropcore.get_variant("standard")) == ""
    assert variants._remarks(dropcore.get_variant("spatial", channel_axis=1)) == "channel_axis=1"
    assert "selu" in variants._remarks(dropcore.get_variant("alpha"))


def test_dropout_acts_on_the_branch_alone():
    def model(p):
        drop = variants.Dropout(p, rng=0)
        return variants.Residual(3, drop, np.random.default_rng(0))

    x = np.ones((2, 1, 8, 8), np.float32)
    assert not np.array_equal(model(1.0)(x).data, model(0.0)(x).data)
    assert model(1.0)(x).data.any()
    np.testing.assert_array_equal(model(0.5).eval()(x).data, model(0.0)(x).data)


def _measured(val, accuracy):
    runs = [(0.1, v, a) for v, a in zip(val, accuracy, strict=True)]
    return variants.Measured(Figures.of(runs), np.full(3, 0.05))


@pytest.mark.usefixtures("three_are_enough")
def test_words_follow_the_figures():
    lines = variants.conclusions(
        {
            "none": _measured([1.0, 1.1, 1.2], [0.8, 0.8, 0.8]),
            "standard": _measured([0.9, 1.0, 1.1], [0.9, 0.9, 0.9]),
            "better": _measured([0.8, 0.9, 1.0], [0.9, 0.9, 0.9]),
            "worse": _measured([1.0, 1.1, 1.2], [0.8, 0.8, 0.8]),
            "mixed": _measured([0.8, 1.1, 1.2], [0.9, 0.7, 0.8]),
        }
    )[1:]
    assert "standard against none: gap narrower by 0.10 ± 0.00" in lines[0]
    assert lines[0].endswith("Validation improved.")
    assert lines[2].endswith("No clear effect on validation.")
    assert lines[-2] == (
        "Validation loss, against the loss of standard dropout: lower in every seed: better; "
        "higher in every seed: worse; not clearly different: mixed."
    )
    assert lines[-1] == "The variant with the lowest mean validation loss is better (0.90)."


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.usefixtures("three_are_enough")
def test_words_of_a_training_that_diverged(bad):
    good, broken = _measured([1.0] * 3, [0.8] * 3), _measured([1.0, bad, 1.0], [0.8] * 3)
    assert variants.conclusions({"none": good, "standard": broken}) == [
        "Training diverged at standard: nothing can be compared."
    ]


def test_the_same_seeds_give_the_same_figures(nowhere):
    pytest.importorskip("sklearn")
    config = variants.Config(
        variants=("standard",), seeds=(3, 4), rows=60, channels=2, epochs=2, timed=1
    )
    usable, _ = variants.usable(config)
    one = variants.measure(config, usable, nowhere)
    same = variants.measure(config, usable, nowhere)
    for name in ("none", "standard"):
        np.testing.assert_array_equal(one[name].figures.val_loss, same[name].figures.val_loss)
