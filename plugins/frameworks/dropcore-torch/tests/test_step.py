"""The command that measures a step: the tests check its output, not the times."""

import pytest
import torch
from dropcore_torch import step


@pytest.mark.parametrize("model", ["perceptron", "encoder"])
def test_a_step_is_measured(model, capsys):
    threads = torch.get_num_threads()
    options = ["--model", model, "--width", "8", "--length", "4", "--batch", "2", "--rounds", "3"]
    step.main(options)
    assert torch.get_num_threads() == threads
    head, _, *rows, foot = capsys.readouterr().out.splitlines()
    assert head.startswith(model)
    assert [row[:14].strip() for row in rows] == [
        "no dropout",
        "empty Function",
        "multiplication",
        "dropcore",
        "PyTorch",
    ]
    assert rows[0].split()[-1] == "0.0%"
    assert "share" in foot


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the compiler's own
def test_what_is_compiled_is_measured(capsys):
    options = ["--compile", "--layers", "1", "--width", "8", "--batch", "2", "--rounds", "3"]
    step.main([*options, "--calls", "2"])
    head, _, *rows, _ = capsys.readouterr().out.splitlines()
    assert head.endswith("compiled")
    assert [row[:14].strip() for row in rows] == ["no dropout", "dropcore", "PyTorch"]
    step.main(["--compile", "--function", "100", "--rounds", "3"])
    whole, call = capsys.readouterr().out.splitlines()
    assert "times as fast" in whole
    assert "one call: dropcore::planned.out" in call
    with pytest.raises(SystemExit):
        step.main(["--compile", "--model", "bert"])


def test_the_function_is_measured(capsys):
    step.main(["--function", "100", "200", "--rounds", "3"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["100", "200"]
    assert all("times as fast" in line for line in lines)


def test_what_is_over_the_step_without_dropout():
    text = step.table({"no dropout": [2.0, 1.0, 3.0], "dropcore": [3.0, 2.0, 5.0]})
    row = text.splitlines()[-1].split()
    assert row == ["dropcore", "2000000.0", "100.0%", "3000000.0", "50.0%", "33.3%"]


def test_the_models_drop_where_they_say():
    options = step.parser().parse_args(["--model", "encoder", "--width", "8"])
    options.batch = 2
    drops = [
        m
        for m in step.encoder(options, torch.nn.Dropout).modules()
        if isinstance(m, torch.nn.Dropout)
    ]
    assert len(drops) == 3
    assert step.encoder(options, None)[0].self_attn.dropout == 0
    options = step.parser().parse_args(["--layers", "2"])
    assert [type(m).__name__ for m in step.perceptron(options, None)] == [
        "Linear",
        "ReLU",
        "Linear",
        "ReLU",
        "Linear",
    ]
