"""`dropcore stream`: each kind writes its part of the mask stream."""

import io
import subprocess
import sys

import numpy as np
import pytest

from dropcore import Stream, cli, feed, keep_mask


def first(kind, size, p=0.5):
    out = io.BytesIO()
    feed.write(out, kind, seed=3, p=p, limit=size)
    assert len(out.getvalue()) == size
    return np.frombuffer(out.getvalue(), np.uint8)


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch):
    monkeypatch.setattr(feed, "PIECE", 2**17)


def test_raw_words_go_on_over_the_pieces():
    words = first("raw", 2**15).view("<u8")
    np.testing.assert_array_equal(words, Stream(3).at(0).words(2**12))


def test_masks_are_those_of_the_draws_in_turn():
    packed = first("masks", 2**15).reshape(2, -1)
    for index in (0, 1):
        expected = keep_mask(2**17, 0.5, rng=Stream(3).at(index), packed=True)
        np.testing.assert_array_equal(packed[index], expected)


def test_of_a_biased_mask_the_first_of_each_unequal_pair_counts():
    pairs = keep_mask((2**16, 2), 0.1, rng=Stream(3).at(0))
    expected = [one for one, other in pairs if one != other][:800]
    np.testing.assert_array_equal(
        np.unpackbits(first("masks", 100, 0.1), bitorder="little"), expected
    )


def test_words_of_draws_and_of_siblings_take_turns():
    words = first("draws", 2**14).view("<u8").reshape(2, 1024)
    np.testing.assert_array_equal(words[:, 7], Stream(3).at(7).words(2))
    words = first("siblings", 2**14).view("<u8").reshape(2, 1024)
    np.testing.assert_array_equal(words[:, 7], Stream(3, (7,)).at(0).words(2))


def test_ties_are_the_elements_that_half_of_p_decides():
    draw = Stream(3).at(0)
    tied = ~keep_mask(2**17, 2.0**-8, rng=draw)
    expected = keep_mask(2**17, 2.0**-9, rng=draw)[tied][:320]
    np.testing.assert_array_equal(np.unpackbits(first("ties", 40), bitorder="little"), expected)


def test_a_reader_that_has_enough_ends_the_command():
    command = f"{sys.executable} -m dropcore stream raw | head -c 1000 | wc -c"
    done = subprocess.run(
        command, shell=True, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "1000"
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["row"], "raw"),
        (["masks", "--p", "1"], "above 0 and below 1, not '1'"),
        (["raw", "--seed", "-1"], "whole number >= 0, not '-1'"),
        (["raw", "--bytes", "1e9"], "whole number >= 0, not '1e9'"),
    ],
)
def test_bad_arguments_are_refused(words, message, capsys):
    with pytest.raises(SystemExit, match="2"):
        cli.main(["stream", *words])
    assert message in capsys.readouterr().err
