"""The common base of the layers: a variant, p, a source of draws, and memory for reuse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from dropcore._core.reuse import ReusableOutputs
from dropcore.draw import Draw
from dropcore.functional import keeps_bits
from dropcore.mask import Mask, p_for
from dropcore.plugins import get_variant
from dropcore.rng import stream_of
from dropcore.stream import Stream
from dropcore.variants.base import Variant

if TYPE_CHECKING:
    from typing import Unpack

    from typing_extensions import deprecated

    from dropcore.rng import RNGLike
    from dropcore.variants import known

    Store = Literal["bits", "draw"]


class Layer:
    """The base class of the layers. Their docstrings describe the parameters."""

    if TYPE_CHECKING:

        @overload
        def __init__(
            self,
            p: float,
            variant: known.Standard = ...,
            rng: RNGLike = ...,
            *,
            store: Store = ...,
            reuse: bool = ...,
            **options: Unpack[known.StandardOptions],
        ) -> None: ...

        @overload
        def __init__(
            self,
            p: float,
            variant: known.Spatial,
            rng: RNGLike = ...,
            *,
            store: Store = ...,
            reuse: bool = ...,
            **options: Unpack[known.SpatialOptions],
        ) -> None: ...

        @overload
        def __init__(
            self,
            p: float,
            variant: known.Alpha,
            rng: RNGLike = ...,
            *,
            store: Store = ...,
            reuse: bool = ...,
            **options: Unpack[known.AlphaOptions],
        ) -> None: ...

        @overload
        @deprecated("this variant has no such option, or a required option is missing")
        def __init__(
            self,
            p: float,
            variant: known.Known,
            rng: RNGLike = ...,
            *,
            store: Store = ...,
            reuse: bool = ...,
            **options: Any,
        ) -> None: ...

        @overload
        def __init__(
            self,
            p: float,
            variant: known.Named,
            rng: RNGLike = ...,
            *,
            store: Store = ...,
            reuse: bool = ...,
            **options: Any,
        ) -> None: ...

    def __init__(
        self,
        p: float,
        variant: str | Variant = "standard",
        rng: RNGLike = None,
        *,
        store: Store = "bits",
        reuse: bool = True,
        **options: Any,
    ) -> None:
        self.variant: Variant = get_variant(variant, **options)
        self.p = p
        keeps_bits(store)  # before numbers are taken from a generator
        self.rng: Stream | Draw | None = rng if isinstance(rng, Draw) else stream_of(rng)
        self.store: Store = store
        self.mask: Mask | None = None
        self._reusable = ReusableOutputs() if reuse else None

    @property
    def p(self) -> float:
        """The probability that an element is dropped."""
        return self._p

    @p.setter
    def p(self, value: float) -> None:
        self._p = p_for(self.variant, value)

    def __repr__(self) -> str:
        return f"Dropout({self.p}, {self.variant!r})"
