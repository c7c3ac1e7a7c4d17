"""The modules: PyTorch's own, with a key and a variant each.

Each is a subclass of PyTorch's module of its name, so that what looks for dropout in a model
finds it, and it has no parameter and no buffer: state dictionaries stay what they were.
"""

from __future__ import annotations

import warnings
from typing import Any

from torch import Tensor, nn

import dropcore
from dropcore_torch import _standard
from dropcore_torch.functional import apply, in_order, is_compiling
from dropcore_torch.rule import rule_of
from dropcore_torch.source import DEFAULT, RNG, source_of_layer


class _Module(nn.Module):
    """What the modules have in common.

    Parameters
    ----------
    p : float, default: 0.5
        The probability that an element is dropped. It can be set between calls.
    inplace : bool, default: False
    rng : None, Stream, Draw, int, SeedSequence, Generator or BitGenerator, optional
        What fixes the key of the module's draws; see `functional.dropout`. A Generator gives
        32 bytes for a key when the module is built.
    shared_axes : int or tuple of int, optional
        Axes along which one decision holds. By default the module's own: none, or for those
        that drop channels all but the first two.
    variant : str or dropcore.Variant, optional
        By default the module's own.
    **options
        The variant's own.

    Raises
    ------
    TypeError, ValueError, LookupError
        As `functional.dropout` raises.
    """

    own_variant = "standard"
    p: float
    inplace: bool

    def __init__(
        self,
        p: float = 0.5,
        inplace: bool = False,
        *,
        rng: RNG = None,
        shared_axes: int | tuple[int, ...] | None = None,
        variant: str | dropcore.Variant | None = None,
        **options: Any,
    ) -> None:
        super().__init__(p, inplace)  # of PyTorch's class
        self.adopt(rng, shared_axes, variant, options)

    def adopt(
        self,
        rng: RNG = None,
        shared_axes: int | tuple[int, ...] | None = None,
        variant: str | dropcore.Variant | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        """Set all that PyTorch's module does not have."""
        self.source = source_of_layer(rng)
        self.variant = self.own_variant if variant is None else variant
        self.options = dict(options or {})
        if shared_axes is not None:
            self.options["shared_axes"] = shared_axes
        self.rule = rule_of(self.variant, self.options)

    def abandon(self) -> None:
        """Remove what `adopt` set."""
        for name in ("source", "variant", "options", "rule"):
            delattr(self, name)

    @property
    def as_in_torch(self) -> bool:
        """Whether PyTorch's module is of the same kind."""
        return self.variant == self.own_variant and not self.options

    def forward(self, input: Tensor, **inputs: Tensor) -> Tensor:
        """Drop elements of `input` in training; `inputs` are the variant's further ones."""
        rule = self.rule
        if not (inputs or is_compiling()):  # at once, where that is possible
            y = _standard.dropout(input, self.p, self.training, self.inplace, rule, self.source)
            if y is not None:
                return y
        tensors: tuple[Tensor, ...] = (input,)
        if inputs or len(rule.inputs) > 1:
            tensors += in_order(rule, inputs)
        return apply(tensors, self.p, self.training, self.inplace, rule, self.source)

    def extra_repr(self) -> str:
        """What PyTorch's module shows, and what differs from it."""
        own = "" if self.variant == self.own_variant else f", variant={self.variant!r}"
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        key = "" if self.source == DEFAULT else f", key={self.source.key[:8]}..."
        return f"{super().extra_repr()}{own}{options}{key}"


class Dropout(_Module, nn.Dropout):
    """Elements are dropped, each by itself.

    Examples
    --------
    >>> import torch, dropcore
    >>> from dropcore_torch import Dropout
    >>> drop = Dropout(0.5, rng=dropcore.Stream(42, path=("encoder", "drop1")))
    >>> y = drop(torch.ones(2, 3))
    >>> drop.eval()(y) is y
    True
    """


class AlphaDropout(_Module, nn.AlphaDropout):
    """Dropped elements go to selu's lower limit; mean and variance are kept."""

    own_variant = "alpha"


class _Channels(_Module):
    """Whole channels are dropped: axes 0 and 1 are sample and channel, the rest is shared."""

    ranks: tuple[int, ...] = ()  # those that are not a mistake; () for all from 2 on
    unbatched: int | None = None  # the rank of a single sample

    def forward(self, input: Tensor, **inputs: Tensor) -> Tensor:
        """Drop channels of `input` in training."""
        if not self.as_in_torch:
            return super().forward(input, **inputs)
        return apply(
            (input,),
            self.p,
            self.training,
            self.inplace,
            rule_of(self.variant, {"shared_axes": self.axes(input.dim())}),
            self.source,
        )

    def axes(self, rank: int) -> tuple[int, ...]:
        """The axes that are shared in a tensor of that rank."""
        if rank < 2:
            raise ValueError(f"input must have at least 2 dimensions, not {rank}")
        if self.ranks and rank not in self.ranks:
            warnings.warn(
                f"{type(self).__name__} is for inputs of {self.ranks} dimensions; this one of "
                f"{rank} is taken for samples, channels and what is shared",
                stacklevel=4,
            )
        return tuple(range(1 if rank == self.unbatched else 2, rank))


class Dropout1d(_Channels, nn.Dropout1d):
    """Whole channels of (N, C, L) or (C, L) are dropped."""

    ranks, unbatched = (2, 3), 2


class Dropout2d(_Channels, nn.Dropout2d):
    """Whole channels of (N, C, H, W) are dropped; three axes are (N, C, L), with a warning."""

    ranks = (4,)


class Dropout3d(_Channels, nn.Dropout3d):
    """Whole channels of (N, C, D, H, W) or (C, D, H, W) are dropped."""

    ranks, unbatched = (4, 5), 4


class FeatureAlphaDropout(_Channels, nn.FeatureAlphaDropout):
    """Whole channels of (N, C, ...) go to selu's lower limit."""

    own_variant = "alpha"
