"""The command that compares modules and layouts: the tests check its output, not the times."""

import pytest
import torch
from dropcore_torch import sweep


@pytest.mark.parametrize("n", [16, 256, 4096, 1 << 16])
@pytest.mark.parametrize("name", sweep.CASES)
def test_shapes_have_the_elements_that_are_asked_for(name, n):
    for layout, shape in sweep.CASES[name].items():
        x = sweep.LAYOUTS[layout](torch.ones(shape(n)))
        assert x.numel() == n
        assert x.shape == shape(n)


@pytest.mark.parametrize("layout", sorted(set(sweep.LAYOUTS) - {"C order"}))
def test_layouts_are_not_that_of_c(layout):
    x = sweep.LAYOUTS[layout](torch.ones(2, 3, 4, 5))
    assert x.shape == (2, 3, 4, 5)
    assert not x.is_contiguous()


def test_a_row_for_each_module_and_layout(capsys):
    threads = torch.get_num_threads()
    sweep.main(["--sizes", "16", "32", "--rounds", "1", "--path", "function"])
    assert torch.get_num_threads() == threads
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head.startswith("| module, p = 0.1, with the function | layout | 16 | 32 |")
    assert len(rows) == sum(len(layouts) for layouts in sweep.CASES.values())
    assert all(len(row.split("|")) == 6 for row in rows)


def test_a_row_of_attention_for_each_length_and_number_of_threads(capsys):
    threads = torch.get_num_threads()
    given = ["--attention", "16", "40", "--threads", "1", "2", "--rounds", "1"]
    sweep.main([*given, "--path", "function"])
    assert torch.get_num_threads() == threads
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * (2 + 2)
    assert lines[0].startswith(
        "| batch x heads x length x width, p = 0.1, with the function, 1 thread | dropcore, ms |"
    )
    assert lines[4].startswith(
        "| batch x heads x length x width, p = 0.1, with the function, 2 threads |"
    )
    assert lines[6].startswith("| 2 x 8 x 16 x 64 |")
    assert all(len(line.split("|")) == 8 for line in lines)
