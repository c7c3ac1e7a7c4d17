from collections.abc import Callable
from typing import Any, Never, TypeVar, Unpack, final, overload

import numpy as np
import numpy.typing as npt
from typing_extensions import deprecated

from dropcore.draw import Draw
from dropcore.variants import known
from dropcore.variants.base import Array, Variant

_T = TypeVar("_T", bound=np.generic)

@final
class Mask:
    def __init__(self, never: Never, /) -> None: ...
    @property
    def draw(self) -> Draw | None: ...
    @property
    def p(self) -> float: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def shard(self) -> tuple[tuple[int, ...], tuple[int, ...]] | None: ...
    @property
    def variant(self) -> Variant: ...
    @property
    def training(self) -> bool: ...
    @property
    def keep(self) -> npt.NDArray[np.bool_]: ...
    @property
    def packed(self) -> npt.NDArray[np.uint8]: ...
    @overload
    @staticmethod
    def from_keep(
        keep: npt.ArrayLike,
        p: known.Real,
        *,
        shape: tuple[int, ...] | list[int] | None = None,
        variant: known.Standard = ...,
        **options: Unpack[known.StandardOptions],
    ) -> Mask: ...
    @overload
    @staticmethod
    def from_keep(
        keep: npt.ArrayLike,
        p: known.Real,
        *,
        shape: tuple[int, ...] | list[int] | None = None,
        variant: known.Spatial,
        **options: Unpack[known.SpatialOptions],
    ) -> Mask: ...
    @overload
    @staticmethod
    def from_keep(  # type: ignore[overload-overlap]
        keep: npt.ArrayLike,
        p: known.Real,
        *,
        shape: tuple[int, ...] | list[int] | None = None,
        variant: known.Alpha,
        **options: Unpack[known.AlphaOptions],
    ) -> Mask: ...
    @overload
    @deprecated("this variant has no such option, or a required option is missing")
    @staticmethod
    def from_keep(
        keep: npt.ArrayLike,
        p: known.Real,
        *,
        shape: tuple[int, ...] | list[int] | None = None,
        variant: known.Known = ...,
        **options: Any,
    ) -> known.NoSuchOption: ...
    @overload
    @staticmethod
    def from_keep(
        keep: npt.ArrayLike,
        p: known.Real,
        *,
        shape: tuple[int, ...] | list[int] | None = None,
        variant: known.Named,
        **options: Any,
    ) -> Mask: ...
    @overload
    def forward(
        self, *inputs: npt.NDArray[_T], out: npt.NDArray[_T] | None = None
    ) -> npt.NDArray[_T]: ...
    @overload
    def forward(self, *inputs: npt.ArrayLike, out: Array | None = None) -> Array: ...
    # Any, not a tuple of arrays: most variants have one input, and a union would have to
    # be taken apart after every call.
    @overload
    def backward(
        self, dy: npt.NDArray[_T], *, out: npt.NDArray[_T] | None = None
    ) -> npt.NDArray[_T] | Any: ...
    @overload
    def backward(self, dy: npt.ArrayLike, *, out: Array | None = None) -> Array | Any: ...
    def split(self) -> tuple[tuple[Any, ...], Callable[[tuple[Any, ...]], Mask]]: ...
    def record(self) -> dict[str, Any]: ...
    @staticmethod
    def from_record(record: dict[str, Any]) -> Mask: ...

def p_for(variant: Variant, p: known.Real) -> float: ...
