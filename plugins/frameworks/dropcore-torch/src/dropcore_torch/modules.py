"""The modules: subclasses of PyTorch's own, each with a key and a variant.

Each module is a subclass of PyTorch's module of the same name, so code that looks for dropout
modules finds it. A module has no parameters and no buffers, so state dictionaries do not change.

In inference and with p = 0, a module with the variant of PyTorch's module returns what that module
returns: the input, if this is certain, or otherwise the result of PyTorch's code. PyTorch's code
also runs in training, if PyTorch's module refuses p or dropcore does not support the input.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import dropcore
from dropcore_torch import paths, pieces
from dropcore_torch.functional import apply, in_order
from dropcore_torch.others import check_input, is_other
from dropcore_torch.rule import Rule, rule_of, rule_of_channels
from dropcore_torch.source import DEFAULT, RNG, is_compiling, source_of_layer, take
from dropcore_torch.symbolic import Proxy, as_leaf, refuse_script


class _Module(nn.Module):
    """The base class of the modules.

    Parameters
    ----------
    p : float, default: 0.5
        The probability that an element is dropped. It can be set between calls.
    inplace : bool, default: False
        Write to the input, and return it. The alpha modules ignore `inplace`, as PyTorch's do.
    rng : None, Stream, Draw, int, SeedSequence, Generator or BitGenerator, optional
        The source of the key for the module's draws; see `functional.dropout`. A Generator gives
        32 bytes for a key when the module is built.
    shared_axes : int or tuple of int, optional
        Axes along which one decision holds for all elements. The default depends on the module: no
        axes, or, for modules that drop channels, all axes after the axis of the channels.
    variant : str or dropcore.Variant, optional
        The default depends on the module. If you name another variant that has the option
        `shared_axes`, the default of `shared_axes` remains that of the module. A Variant object has
        its own `shared_axes`. A variant without this option, such as "spatial", shares decisions by
        its own rule.
    **options
        The options of the variant.

    Raises
    ------
    TypeError, ValueError, LookupError
        The same errors as `functional.dropout`.
    """

    own_variant = "standard"
    takes_inplace = True
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
        super().__init__(p, inplace)  # the __init__ of PyTorch's class
        self.adopt(rng, shared_axes, variant, options)

    def adopt(
        self,
        rng: RNG = None,
        shared_axes: int | tuple[int, ...] | None = None,
        variant: str | dropcore.Variant | None = None,
        options: dict[str, Any] | None = None,
    ) -> None:
        """Set the attributes that PyTorch's module does not have."""
        self.source = source_of_layer(rng)
        self.variant = self.own_variant if variant is None else variant
        self.options = dict(options or {})
        if shared_axes is not None:
            self.options["shared_axes"] = shared_axes
        self.rule = rule_of(self.variant, self.options)

    def abandon(self) -> None:
        """Remove the attributes that `adopt` set."""
        for name in ("source", "variant", "options", "rule"):
            delattr(self, name)

    __prepare_scriptable__ = refuse_script

    @property
    def as_in_torch(self) -> bool:
        """Whether PyTorch's module computes the same kind of dropout."""
        return self.variant == self.own_variant and not self.options

    def forward(self, input: Tensor, **inputs: Tensor) -> Tensor:
        """Drop elements of `input` in training; `inputs` are the variant's further inputs."""
        rule = self.rule
        if not self.training and self.passes(input):
            return input
        if not (inputs or is_compiling()):  # the fast path, if possible
            inplace = self.inplace and self.takes_inplace
            y = paths.dropout(input, self.p, self.training, inplace, rule, self.source)
            if y is not None:
                return y
        if isinstance(input, Proxy):
            return as_leaf(self, input, **inputs)
        if self.as_in_torch and self.is_for_pytorch(input):
            return super().forward(input)
        return self.drop(input, inputs, rule)

    def drop(self, input: Tensor, inputs: dict[str, Tensor], rule: Rule) -> Tensor:
        """Drop elements of `input` by a rule, in the general form that accepts every call."""
        tensors: tuple[Tensor, ...] = (input,)
        if inputs or len(rule.inputs) > 1:
            tensors += in_order(rule, inputs)
        inplace = self.inplace and self.takes_inplace
        return apply(tensors, self.p, self.training, inplace, rule, self.source)

    def passes(self, input: Tensor) -> bool:
        """Whether PyTorch's module certainly returns its input in inference; this test is fast."""
        p = self.p
        return type(p) is float and 0 <= p <= 1 and type(input) is Tensor and self.rule.identity

    def is_for_pytorch(self, input: Tensor) -> bool:
        """Whether PyTorch's module computes the call.

        PyTorch's module does so if nothing is dropped, if p is refused, or if dropcore does not
        support the input.
        """
        check_input(input)
        if not self.training or not 0 <= self.p <= 1:
            return True
        if pieces.may_be_part(input, self.source):
            return False
        if is_other(input):
            return True
        drops = self.p > 0 and input.numel() > 0
        if not drops:
            take(self.source)
        return not drops

    def extra_repr(self) -> str:
        """The text of PyTorch's module, and the differences from it."""
        own = "" if self.variant == self.own_variant else f", variant={self.variant!r}"
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        key = "" if self.source == DEFAULT else f", key={self.source.key[:8]}..."
        return f"{super().extra_repr()}{own}{options}{key}"


class Dropout(_Module, nn.Dropout):
    """Drops single elements.

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
    """Alpha dropout: dropped elements become a constant; mean and variance are kept."""

    own_variant = "alpha"
    takes_inplace = False


class _Channels(_Module):
    """Whole channels are dropped: all axes after the axis of the channels are shared.

    The channels are axis 1, or axis 0 if the input is a single sample (`batched`).
    """

    in_pytorch: Callable[..., Tensor]  # the function that PyTorch's module calls
    ranks: tuple[int, ...] = ()  # the ranks that PyTorch's module takes without a warning; (): all
    batched: int | None = None  # the rank of a batch, if every other rank is one sample

    def forward(self, input: Tensor, **inputs: Tensor) -> Tensor:
        """Drop channels of `input` in training."""
        if self.training and type(input) is Tensor and not (inputs or is_compiling()):
            rule = _rule_of_batch(type(self), input.dim()) if self.as_in_torch else None
            if rule is not None:  # without more checks, if that is possible
                inplace = self.inplace and self.takes_inplace
                y = paths.dropout(input, self.p, True, inplace, rule, self.source)
                if y is not None:
                    return y
        if isinstance(input, Proxy) or not self.shares_by_rank:
            return super().forward(input, **inputs)
        if not self.training and self.passes(input):
            return input
        if not self.as_in_torch:
            check_input(input)
        elif self.is_for_pytorch(input):
            return super(_Module, self).forward(input)
        rank = input.dim()
        channel = 1 if self.batched in (None, rank) else 0
        if channel >= rank:
            return super(_Module, self).forward(input)  # raises PyTorch's error
        if self.ranks and rank not in self.ranks:
            self.in_pytorch(input, training=False)  # it warns, or raises
        if self.as_in_torch:
            rule = _rule_of_channels(self.own_variant, channel, rank)
        else:
            axes = tuple(range(channel + 1, rank))
            rule = rule_of(self.variant, {**self.options, "shared_axes": axes})
        return self.drop(input, inputs, rule)

    @property
    def shares_by_rank(self) -> bool:
        """Whether the rank of the input determines the shared axes; otherwise the variant does."""
        if self.as_in_torch:
            return True
        named = isinstance(self.variant, str) and "shared_axes" not in self.options
        return named and self.rule.shares_axes

    @classmethod
    def is_batch(cls, rank: int) -> bool:
        """Whether PyTorch's module treats this rank as a batch, without a warning."""
        return not cls.ranks or (rank in cls.ranks and cls.batched in (None, rank))

    def passes(self, input: Tensor) -> bool:
        """As in the base class; False if the input is no batch or PyTorch's module would warn."""
        return super().passes(input) and self.is_batch(input.dim())


@lru_cache
def _rule_of_batch(kind: type[_Channels], rank: int) -> Rule | None:
    if rank < 2 or not kind.is_batch(rank):
        return None
    return rule_of_channels(kind.own_variant, 1, rank)


@torch.compiler.assume_constant_result
def _rule_of_channels(variant: str, channel: int, rank: int) -> Rule:
    return rule_of_channels(variant, channel, rank)


class Dropout1d(_Channels, nn.Dropout1d):
    """Whole channels of (N, C, L) or (C, L) are dropped."""

    in_pytorch = staticmethod(F.dropout1d)
    ranks, batched = (2, 3), 3


class Dropout2d(_Channels, nn.Dropout2d):
    """Whole channels of (N, C, H, W) are dropped.

    An input with three axes counts as (N, C, L), and a warning is given.
    """

    in_pytorch = staticmethod(F.dropout2d)
    ranks = (4,)


class Dropout3d(_Channels, nn.Dropout3d):
    """Whole channels of (N, C, D, H, W) or (C, D, H, W) are dropped."""

    in_pytorch = staticmethod(F.dropout3d)
    ranks, batched = (4, 5), 5


class FeatureAlphaDropout(_Channels, nn.FeatureAlphaDropout):
    """Alpha dropout of whole channels of (N, C, ...)."""

    own_variant = "alpha"
    takes_inplace = False
