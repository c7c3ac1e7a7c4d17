from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from dropcore.draw import _Int
from dropcore.mask import Mask
from dropcore.rng import RNGLike
from dropcore.variants.base import Array, Variant

_Bool: TypeAlias = bool | np.bool_
_Shard: TypeAlias = tuple[Sequence[_Int], Sequence[_Int]]  # global_shape, offsets
_Real: TypeAlias = float | np.floating[Any] | np.integer[Any]

def dropout(
    x: npt.ArrayLike,
    p: _Real,
    *,
    training: _Bool,
    rng: RNGLike = None,
    variant: str | Variant = "standard",
    out: Array | None = None,
    store: Literal["bits", "draw"] = "bits",
    shard: _Shard | None = None,
    **options: Any,
) -> tuple[Array, Mask]: ...
def dropout_by_position(
    x: npt.ArrayLike,
    p: _Real,
    training: _Bool,
    rng: RNGLike,
    variant: str | Variant,
    out: Array | None,
    store: Literal["bits", "draw"],
    shard: _Shard | None,
    options: dict[str, Any],
) -> tuple[Array, Mask]: ...
def keep_mask(
    shape: _Int | tuple[int, ...] | list[int],
    p: _Real,
    *,
    rng: RNGLike = None,
    packed: _Bool = False,
    start: _Int = 0,
    shard: _Shard | None = None,
) -> Array: ...
def keeps_bits(store: object) -> bool: ...
