"""Arrays of other libraries that are sparse or miss elements: refused, never misread."""

import numpy as np
import pytest
from scipy import sparse

import dropcore

EYE = np.eye(3, dtype=np.float32)


def refused(x, why):
    """Check that `x` is refused as x, as dy and as a further input, and that no draw is taken."""
    stream = dropcore.Stream(1)
    mask = dropcore.dropout(np.ones(np.shape(x)), 0.5, training=True, rng=0)[1]
    for name, call in {
        "x": lambda: dropcore.dropout(x, 0.5, training=True, rng=stream),
        "x ": lambda: dropcore.dropout(x, 0.5, training=False, rng=stream),
        "dy": lambda: mask.backward(x),
    }.items():
        with pytest.raises(TypeError, match=f"^{name.strip()} must be an array, not .*{why}"):
            call()
    assert stream.position == 0


def test_none():
    refused(None, "None$")


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "lil", "dia", "dok", "bsr"])
@pytest.mark.parametrize("of", ["array", "matrix"])
def test_sparse_arrays_are_told_what_to_do(kind, of):
    refused(getattr(sparse, f"{kind}_{of}")(EYE), rf"this {kind}_{of}: it is sparse.*toarray.*data")


NO_ARRAYS = [{1.0}, {"a": 1.0}, (n for n in [1.0]), object(), [1.0, None]]


@pytest.mark.parametrize("x", NO_ARRAYS, ids=lambda x: type(x).__name__)
def test_what_is_no_array_of_numbers_is_named(x):
    refused(x, f"this {type(x).__name__}: NumPy makes an array of objects")


def of_pandas():
    pandas = pytest.importorskip("pandas")
    missing = pandas.Series([1.0, None], dtype="Float32")
    yield missing
    yield missing.array
    yield pandas.Index(missing)
    yield missing.astype("Float64")
    yield pandas.DataFrame({"whole": [1.0, 2.0], "missing": missing})


def test_missing_elements_of_pandas_are_refused():
    for x in of_pandas():
        refused(x, "missing elements.*fillna")


def test_arrays_of_pandas_without_missing_elements_are_taken():
    pandas = pytest.importorskip("pandas")
    for x in (
        pandas.Series([1.0, 2.0], dtype="Float32"),
        pandas.Series([1.0, np.nan], dtype="float32"),  # a nan that the user put there
        pandas.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}),
    ):
        y, _ = dropcore.dropout(x, 0, training=True, rng=1)
        np.testing.assert_array_equal(y, x.to_numpy())


def test_missing_elements_of_polars_are_refused():
    polars = pytest.importorskip("polars")
    missing = polars.Series("a", [1.0, None], dtype=polars.Float32)
    refused(missing, "missing elements.*fill_null")
    refused(polars.DataFrame([missing]), "missing elements.*fill_null")
    y, _ = dropcore.dropout(missing.fill_null(2), 0, training=True, rng=1)
    np.testing.assert_array_equal(y, [1, 2])


def test_missing_elements_of_arrow_are_refused():
    pyarrow = pytest.importorskip("pyarrow")
    missing = pyarrow.array([1.0, None], pyarrow.float32())
    refused(missing, "missing elements.*fill_null")
    refused(pyarrow.chunked_array([missing]), "missing elements")
    refused(pyarrow.table({"a": missing}), "missing elements")
    y, _ = dropcore.dropout(missing.fill_null(2.0), 0, training=True, rng=1)
    np.testing.assert_array_equal(y, [1, 2])
