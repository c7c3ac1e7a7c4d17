"""Refuses what NumPy would convert wrongly: sparse arrays, and arrays with missing elements.

No library is imported for this: the module of an object's type names its library.
"""

from __future__ import annotations

from typing import Any

import numpy as np


def refuse(value: Any) -> None:
    """Raise TypeError, with the reason, if NumPy would convert `value` wrongly."""
    if _is_sparse(value):
        raise TypeError(
            "it is sparse; make it dense (.toarray(), .todense()), or pass its .data to drop "
            "among the stored elements alone"
        )
    if _misses_elements(value):
        raise TypeError(
            "it has missing elements, which would be nan; fill them (.fillna(), .fill_null())"
        )


def refuse_objects(array: np.ndarray[Any, Any]) -> None:
    """Raise a TypeError if NumPy found no numbers."""
    if array.dtype == object:
        raise TypeError("NumPy makes an array of objects from it")


def _is_sparse(value: Any) -> bool:
    stores = hasattr(value, "nnz") or hasattr(value, "nse")
    return stores and (hasattr(value, "toarray") or hasattr(value, "todense"))


def _misses_elements(value: Any) -> bool:
    library = type(value).__module__.partition(".")[0]
    if library == "pandas":
        dtypes = np.ravel(
            np.asarray(getattr(value, "dtypes", getattr(value, "dtype", None)), object)
        )
        nullable = [repr(getattr(dtype, "na_value", None)) == "<NA>" for dtype in dtypes]
        return any(nullable) and bool(np.any(np.asarray(value.isna())))
    if library == "polars":
        count = value.null_count()
        return any(count.row(0)) if hasattr(count, "row") else count > 0
    if library == "pyarrow":
        columns = getattr(value, "columns", None) or [value]
        return any(getattr(column, "null_count", 0) for column in columns)
    return False
