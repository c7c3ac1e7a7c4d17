"""The command that compares modules and layouts: what it prints, not what it measures."""

import pytest
import torch
from dropcore_torch import sweep


@pytest.mark.parametrize("n", [16, 4096])
@pytest.mark.parametrize("name", sweep.CASES)
def test_shapes_have_the_elements_that_are_asked_for(name, n):
    shape, layouts = sweep.CASES[name]
    for layout in layouts:
        x = sweep.LAYOUTS[layout](torch.ones(shape(n)))
        assert x.numel() == n
        assert x.shape == shape(n)


def test_a_row_for_each_module_and_layout(capsys):
    threads = torch.get_num_threads()
    sweep.main(["--sizes", "16", "32", "--rounds", "1"])
    assert torch.get_num_threads() == threads
    head, _, *rows = capsys.readouterr().out.splitlines()
    assert head.startswith("| module, p = 0.1 | layout | 16 | 32 |")
    assert len(rows) == sum(len(layouts) for _, layouts in sweep.CASES.values())
    assert all(len(row.split("|")) == 6 for row in rows)
