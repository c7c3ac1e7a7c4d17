"""Tables in terminals of every width, colours and pipes."""

import io
import re

import pytest
from dropcore_lab.experiments import terminal
from dropcore_lab.experiments.spread import Change, share

rich_console = pytest.importorskip("rich.console")

COLUMNS = ("variant", "training loss", "validation loss", "gap", "accuracy")
ROW = ("0.123 ± 0.045", "1.234 ± 0.567", "1.111 ± 0.522", "0.876 ± 0.012")


def _printed(width, *names, **options):
    out = rich_console.Console(file=io.StringIO(), width=width, highlight=False, **options)
    rows = [(name, *ROW) for name in names]
    terminal.table(out, "Title", COLUMNS, rows, caption="Caption.", names=1, bold=0)
    return out.file.getvalue()


@pytest.mark.parametrize("width", [60, 80, 200])
def test_nothing_is_cut_and_heads_are_wrapped(width):
    printed = _printed(width, "exactcount", "standard")
    lines = printed.splitlines()
    assert max(map(len, lines)) <= width
    assert "…" not in printed
    words = printed.split()
    for word in ("exactcount", "standard", "training", "validation", "accuracy", "0.123", "0.522"):
        assert word in words
    (heads,) = [line for line in lines if line.split()[:1] == ["variant"]]
    assert ("validation loss" in heads) == (width == 200 or width == 80)
    assert ("0.123 ± 0.045" in printed) == (width > 60)


def test_a_name_that_has_no_room_is_printed_whole():
    printed = _printed(40, "a_variant_with_a_very_long_name_indeed")
    assert "a_variant_with_a_very_long_name_indeed" in printed
    assert "…" not in printed
    assert "± 0.012" in printed


def test_descriptions_are_wrapped_and_names_are_not():
    out = rich_console.Console(file=io.StringIO(), width=60, highlight=False)
    rows = [("bn-before", "standard, before both norms", "1.80 ± 0.02", "12.3 ± 0.4 %")]
    columns = ("place", "where dropout is", "variance shift", "time share")
    terminal.table(out, "Title", columns, rows, caption="Caption.", names=2)
    printed = out.file.getvalue()
    assert "bn-before" in printed
    assert "…" not in printed
    assert max(map(len, printed.splitlines())) <= 60
    assert {"standard,", "norms", "0.4"} <= set(printed.split())


@pytest.mark.parametrize("width", [60, 200])
def test_no_colour_where_none_is_wanted(width, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    printed = _printed(width, "standard", force_terminal=True)
    assert "\x1b[3" not in printed.replace("\x1b[3m", "")  # 3m is italic
    assert "\x1b" not in _printed(width, "standard")


@pytest.mark.parametrize(
    ("new", "words"),
    [
        ([1.004, 1.003, 1.002], "unchanged to 2 digits"),
        ([1.02, 1.03, 1.002], "not clearly changed (higher in 2 of 3 seeds, unchanged in 1)"),
        ([1.02, 1.03, 1.04], "higher by 0.03 ± 0.01"),
        ([0.994, 0.98, 0.97], "lower by 0.02 ± 0.01"),
    ],
)
def test_a_difference_that_is_printed_as_0_is_none(new, words):
    change = Change.between([1.0, 1.0, 1.0], new)
    assert change.text() == words
    assert change.rose == words.startswith("higher")
    assert change.fell == words.startswith("lower")


def test_digits_are_those_that_are_printed():
    change = Change.between([1.0, 1.0], [1.004, 1.004], digits=3)
    assert change.rose
    assert change.text() == "higher by 0.004 ± 0.000"
    assert Change.between([10.0], [10.04], digits=1).text(unit=" points") == "unchanged to 1 digit"


def test_a_share_of_time_that_is_lost_in_the_noise_is_no_figure():
    assert share([0.02, 0.04, 0.03]) == "3.0 ± 1.0 %"
    assert share([0.02, -0.04, 0.2]) == "too small"
    assert share([0.0004, 0.02]) == "too small"


@pytest.mark.parametrize("width", [60, 100])
def test_the_progress_bar_fits_and_tells_no_time_that_it_does_not_know(width):
    out = rich_console.Console(file=io.StringIO(), width=width, force_terminal=True)
    jobs = {"1400 rows, dropout 0.5, seed 9": 1, "1400 rows, plain, seed 0": 2}
    assert list(terminal.each(out, jobs, quiet=False)) == [1, 2]
    printed = out.file.getvalue()
    assert "1400 rows, dropout 0.5, seed 9" in printed
    assert "0/2" in printed
    assert "-:--" not in printed


@pytest.mark.parametrize("options", [{}, {"force_terminal": True}])
def test_no_line_ends_in_blanks(options):
    out = rich_console.Console(file=io.StringIO(), width=80, highlight=False, **options)
    rows = [("a", *ROW), ("b", *ROW)]
    terminal.table(out, "Title", COLUMNS, rows, caption="Caption, " * 30, bold=0)
    terminal.sentences(out, "Title", ["Short.", "Long, " * 30])
    plain = re.sub(r"\x1b\[[0-9;]*m", "", out.file.getvalue())
    assert "0.123 ± 0.045" in plain
    assert not [line for line in plain.splitlines() if line.endswith(" ")]
