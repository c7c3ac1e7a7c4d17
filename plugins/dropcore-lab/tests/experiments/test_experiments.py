"""The registry of experiments, its options, and its errors without the optional packages."""

import argparse
import subprocess
import sys

import pytest
from dropcore_lab import experiments
from dropcore_lab.experiments import options


def _parse(words):
    parser = argparse.ArgumentParser(exit_on_error=False)
    experiments.get("rates").add_arguments(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize("name", experiments.names())
def test_every_experiment_has_a_summary_and_options(name):
    experiment = experiments.get(name)
    parser = argparse.ArgumentParser()
    experiment.add_arguments(parser)
    assert experiment.summary
    assert "--out" in parser.format_help()


def test_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=r"name must be one of .*rates.*, not 'rate'"):
        experiments.get("rate")


@pytest.mark.parametrize("module", ["rich", "matplotlib", "sklearn"])
def test_missing_package_is_named_and_nothing_runs(module, monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, module, None)
    args = _parse(["--out", str(tmp_path / "out")])
    assert experiments.get("rates").run(args) == 1
    printed = capsys.readouterr()
    assert experiments.extras.NEEDED[module] in printed.err
    assert "pip install './plugins/dropcore-lab[experiments]'" in printed.err
    assert printed.out == ""
    assert not (tmp_path / "out").exists()


def test_options_are_read_without_loading_the_optional_packages():
    code = (
        "import argparse, sys; from dropcore_lab import experiments\n"
        "experiments.get('rates').add_arguments(argparse.ArgumentParser())\n"
        "print({'rich', 'matplotlib', 'sklearn', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--p", "1.5"], r"number in \[0, 1\], not '1.5'"),
        (["--p", "nan"], r"number in \[0, 1\], not 'nan'"),
        (["--noise", "some"], r"number in \[0, 1\], not 'some'"),
        (["--epochs", "0"], "whole number >= 1, not '0'"),
        (["--hidden", "8", "x"], "whole number >= 1, not 'x'"),
        (
            ["--rows", "1797"],
            "1 to 1796 .there are 1797, and at least one is needed for validation., not '1797'",
        ),
        (["--seeds", "0"], "whole number 1 to 1000, not '0'"),
        (["--first-seed", "-1"], "whole number 0 to .*, not '-1'"),
        (["--lr", "inf"], "number above 0, not 'inf'"),
    ],
)
def test_bad_option_is_refused(words, message):
    with pytest.raises(argparse.ArgumentError, match=message):
        _parse(words)


def test_a_file_is_no_directory(tmp_path):
    (tmp_path / "out").touch()
    with pytest.raises(argparse.ArgumentError, match="must be a directory or a new path"):
        _parse(["--out", str(tmp_path / "out")])


def test_option_types_take_their_limits():
    assert options.whole(1, 3)("1") == 1
    assert options.whole(1, 3)("3") == 3
    assert options.probability("1") == 1.0
    assert options.probability("0") == 0.0
    assert options.positive("1e-3") == 0.001


def test_seeds_are_counted():
    assert _parse(["--seeds", "5"]).seeds == (0, 1, 2, 3, 4)
    assert _parse(["--seeds", "1"]).seeds == (0,)
    assert _parse([]).seeds == (0, 1, 2, 3, 4)
    assert _parse(["--seeds", "2", "--first-seed", "7"]).seeds == (7, 8)
    assert _parse(["--first-seed", "7", "--seeds", "2"]).seeds == (7, 8)
    assert _parse(["--first-seed", "7"]).seeds == (7, 8, 9, 10, 11)


@pytest.mark.parametrize("name", experiments.names())
def test_probabilities_of_dropout_have_one_name(name):
    parser = argparse.ArgumentParser()
    experiments.get(name).add_arguments(parser)
    text = parser.format_help()
    assert " --p P" in text
    assert "--rates" not in text


def test_names_and_numbers_of_a_list_are_tidied():
    assert options.once(["b", "a", "b"]) == ("b", "a")
    assert _parse(["--p", "0.5", "0", "0.5"]).rates == (0.0, 0.5)
    assert _parse(["--hidden", "8", "8"]).hidden == (8, 8)


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        (options.inside, "0", "must be above 0 and below 1, not '0'"),
        (options.inside, "1", "must be above 0 and below 1, not '1'"),
        (options.one_of("ab"), "c", "must be one of a, b, not 'c'"),
    ],
)
def test_types_say_what_they_accept(kind, text, message):
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        kind(text)
