"""Swaps all dropout modules of a model in place, and back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import nn

import dropcore
from dropcore_torch.classes import OURS, PYTORCHS, in_its_place, name_of
from dropcore_torch.names import named_modules
from dropcore_torch.source import RNG, source_of_layer, stream_of
from dropcore_torch.suspects import REPLACED, why_doubtful, why_left

UNSEEN = (
    "not seen: functions that the model's code calls (torch.nn.functional.dropout, "
    "scaled_dot_product_attention with dropout_p, random numbers of its own); "
    "dropcore_torch.audit(model, *inputs) runs a step and says what dropped"
)


@dataclass(frozen=True)
class Conversion:
    """The result of `convert` or `revert`.

    Attributes
    ----------
    swapped : dict of str to str
        The modules that were swapped, by qualified name, with the old and the new class. Modules
        that were dropcore's before and got a new key are listed too. The name "" means the model
        itself.
    left : dict of str to str
        The modules that drop, or seem to drop, and were not swapped, with the reason.
    doubtful : dict of str to str
        The swapped modules whose p is also read by other code. This code may pass p to a dropout
        function, which PyTorch still computes.
    unseen : str
        A note on calls that `convert` cannot see; "" for `revert`.
    """

    swapped: dict[str, str]
    left: dict[str, str]
    doubtful: dict[str, str] = field(default_factory=dict)
    unseen: str = ""

    def __str__(self) -> str:
        lines = [f"{_shown(name)}: {what}" for name, what in self.swapped.items()]
        lines = lines or ["nothing to swap"]
        lines += [f"in doubt: {_shown(name)}: {why}" for name, why in self.doubtful.items()]
        lines += [f"left: {_shown(name)}: {why}" for name, why in self.left.items()]
        return "\n".join([*lines, self.unseen] if self.unseen else lines)


def _shown(name: str) -> str:
    return name or "the model itself"


def convert(model: nn.Module, rng: RNG = None) -> Conversion:
    """Swap all dropout modules of a model for dropcore's, in place.

    A module keeps its identity, its hooks and its p; only its class changes. The model's state
    dictionary does not change. `convert` also swaps `torch.nn.MultiheadAttention`, for its
    attention dropout (and so all dropout of `torch.nn.TransformerEncoderLayer` and similar
    layers), and `torch.nn.LSTM`, `GRU` and `RNN`, for the dropout between their layers.

    Parameters
    ----------
    model : torch.nn.Module
    rng : optional
        As for the modules, but not a Draw: with a Draw all modules would share one draw. Each
        module gets a key of its own from its qualified name: ``encoder.drop1`` gets the key of
        ``stream.child("encoder").child("drop1")``. The parts that wrappers add to a name do not
        count: ``DistributedDataParallel``, ``DataParallel``, FSDP, ``torch.compile``,
        ``AveragedModel`` and activation checkpointing do not change the keys. With None all modules
        share one key. ``torch.manual_seed`` determines the draw indices, with `rng` and without.
        Modules of dropcore in the model get the new key too, unless `rng` is None.

    Returns
    -------
    Conversion
        The modules that were swapped, and the modules that were left: TorchScript, modules of other
        packages whose names look like dropout, modules whose ``forward`` was replaced, and
        subclasses of PyTorch's modules, because their code is not known. Calls of functions in a
        model's code, such as ``torch.nn.functional.dropout``, are neither changed nor listed.
        `audit` lists these calls.

    Examples
    --------
    >>> import torch
    >>> from dropcore_torch import convert, revert
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.1))
    >>> print(convert(model, rng=42))
    1: Dropout -> dropcore_torch.Dropout
    not seen: ...
    >>> model[1]
    Dropout(p=0.1, inplace=False, key=...)
    >>> print(revert(model))
    1: dropcore_torch.Dropout -> Dropout
    """
    _check_model(model)
    if isinstance(rng, dropcore.Draw):
        raise TypeError(
            f"rng must be None, a Stream, an integer, a SeedSequence or a Generator, not {rng!r}"
        )
    stream = None if rng is None else stream_of(rng)
    swapped, left, doubtful = {}, {}, {}
    modules = list(named_modules(model))
    by_name = {name: module for name, _, module in modules}
    for name, path, module in modules:
        before = type(module)
        ours = None if "forward" in vars(module) else in_its_place(before, OURS)
        if ours is not None:
            module.__class__ = ours
            module.adopt(_child(stream, path))
            swapped[name] = _change(before, OURS)
        elif isinstance(module, tuple(PYTORCHS)) and stream is not None:
            module.source = source_of_layer(_child(stream, path))
            swapped[name] = f"{name_of(before)}, with a new key"
        elif not isinstance(module, tuple(PYTORCHS)) and (why := why_left(module)):
            left[name] = why
        above, _, part = name.rpartition(".")
        if name in swapped and (why := why_doubtful(by_name.get(above), part, module)):
            doubtful[name] = why
    return Conversion(swapped, left, doubtful, UNSEEN)


def revert(model: nn.Module) -> Conversion:
    """Swap dropcore's dropout modules for PyTorch's, in place.

    Parameters
    ----------
    model : torch.nn.Module

    Returns
    -------
    Conversion
        The modules that were swapped, and the modules that were left: those with a variant or
        options that PyTorch does not have, subclasses of dropcore's modules, and modules whose
        ``forward`` was replaced after `convert`.
    """
    _check_model(model)
    swapped, left = {}, {}
    for name, module in model.named_modules():
        if not isinstance(module, tuple(PYTORCHS)):
            continue
        before = type(module)
        torchs = in_its_place(before, PYTORCHS)
        if torchs is None:
            left[name] = f"{name_of(before)} is a subclass with code of its own"
        elif "forward" in vars(module):
            left[name] = REPLACED
        elif not getattr(module, "as_in_torch", True):
            left[name] = f"PyTorch has no {module}"
        else:
            module.abandon()
            module.__class__ = torchs
            swapped[name] = _change(before, PYTORCHS)
    return Conversion(swapped, left)


def _check_model(model: nn.Module) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, not {type(model).__name__}")


def _change(before: type[nn.Module], table: dict[type[nn.Module], Any]) -> str:
    known = next(base for base in before.__mro__ if base in table)
    within = "" if known is before else f", in {before.__name__}"
    return f"{name_of(known)} -> {name_of(table[known])}{within}"


def _child(stream: dropcore.Stream | None, path: tuple[str, ...]) -> dropcore.Stream | None:
    if stream is not None:
        for part in path:
            stream = stream.child(part)
    return stream
