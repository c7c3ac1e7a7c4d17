from collections.abc import Sequence
from typing import Any, Literal, TypeAlias, TypeVar, Unpack, overload

import numpy as np
import numpy.typing as npt
from typing_extensions import deprecated

from dropcore.draw import _Int
from dropcore.mask import Mask
from dropcore.rng import RNGLike
from dropcore.variants import known
from dropcore.variants.base import Array, Variant

_T = TypeVar("_T", bound=np.generic)
_Bool: TypeAlias = bool | np.bool_
_Shard: TypeAlias = tuple[Sequence[_Int], Sequence[_Int]]  # global_shape, offsets
_Real: TypeAlias = known.Real

@overload
def dropout(
    x: npt.NDArray[_T],
    p: _Real,
    *,
    training: _Bool,
    rng: RNGLike = None,
    variant: known.Standard = ...,
    out: npt.NDArray[_T] | None = None,
    store: Literal["bits", "draw"] = "bits",
    shard: _Shard | None = None,
    **options: Unpack[known.StandardOptions],
) -> tuple[npt.NDArray[_T], Mask]: ...
@overload
def dropout(
    x: npt.NDArray[_T],
    p: _Real,
    *,
    training: _Bool,
    rng: RNGLike = None,
    variant: known.Spatial,
    out: npt.NDArray[_T] | None = None,
    store: Literal["bits", "draw"] = "bits",
    shard: _Shard | None = None,
    **options: Unpack[known.SpatialOptions],
) -> tuple[npt.NDArray[_T], Mask]: ...
@overload
def dropout(  # type: ignore[overload-overlap]
    x: npt.NDArray[_T],
    p: _Real,
    *,
    training: _Bool,
    rng: RNGLike = None,
    variant: known.Alpha,
    out: npt.NDArray[_T] | None = None,
    store: Literal["bits", "draw"] = "bits",
    shard: _Shard | None = None,
    **options: Unpack[known.AlphaOptions],
) -> tuple[npt.NDArray[_T], Mask]: ...
@overload
@deprecated("this variant has no such option, or a required option is missing")
def dropout(
    x: npt.NDArray[_T],
    p: _Real,
    *,
    training: _Bool,
    rng: RNGLike = None,
    variant: known.Known = ...,
    out: npt.NDArray[_T] | None = None,
    store: Literal["bits", "draw"] = "bits",
    shard: _Shard | None = None,
    **options: Any,
) -> known.NoSuchOption: ...
@overload
def dropout(
    x: npt.NDArray[_T],
    p: _Real,
    *,
    training: _Bool,
    rng: RNGLike = None,
    variant: known.Named,
    out: npt.NDArray[_T] | None = None,
    store: Literal["bits", "draw"] = "bits",
    shard: _Shard | None = None,
    **options: Any,
) -> tuple[npt.NDArray[_T], Mask]: ...
@overload
def dropout(
    x: npt.ArrayLike,
    p: _Real,
    *,
    training: _Bool,
    rng: RNGLike = None,
    variant: known.Named = ...,
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
@overload
def keep_mask(
    shape: _Int | tuple[int, ...] | list[int],
    p: _Real,
    *,
    rng: RNGLike = None,
    packed: Literal[False] = ...,
    start: _Int = 0,
    shard: _Shard | None = None,
) -> npt.NDArray[np.bool_]: ...
@overload
def keep_mask(
    shape: _Int | tuple[int, ...] | list[int],
    p: _Real,
    *,
    rng: RNGLike = None,
    packed: Literal[True],
    start: _Int = 0,
    shard: _Shard | None = None,
) -> npt.NDArray[np.uint8]: ...
@overload
def keep_mask(
    shape: _Int | tuple[int, ...] | list[int],
    p: _Real,
    *,
    rng: RNGLike = None,
    packed: _Bool,
    start: _Int = 0,
    shard: _Shard | None = None,
) -> npt.NDArray[np.bool_ | np.uint8]: ...
def keeps_bits(store: object) -> bool: ...
