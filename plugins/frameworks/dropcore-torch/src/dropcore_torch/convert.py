"""A whole model at once: its dropout modules swapped in place, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import nn

import dropcore
from dropcore_torch import modules
from dropcore_torch.attention import MultiheadAttention
from dropcore_torch.recurrent import GRU, LSTM, RNN
from dropcore_torch.source import RNG, source_of_layer, stream_of

# Swapped by their class, so that whoever holds a module holds it still.
OURS: dict[type[nn.Module], Any] = {
    nn.Dropout: modules.Dropout,
    nn.Dropout1d: modules.Dropout1d,
    nn.Dropout2d: modules.Dropout2d,
    nn.Dropout3d: modules.Dropout3d,
    nn.AlphaDropout: modules.AlphaDropout,
    nn.FeatureAlphaDropout: modules.FeatureAlphaDropout,
    nn.MultiheadAttention: MultiheadAttention,
    nn.LSTM: LSTM,
    nn.GRU: GRU,
    nn.RNN: RNN,
}
PYTORCHS = {ours: torchs for torchs, ours in OURS.items()}


@dataclass(frozen=True)
class Report:
    """What `convert` or `revert` did.

    Attributes
    ----------
    swapped : tuple of str
        The qualified names of the modules that were swapped, or were dropcore's before and have
        a new key; "" is the model itself.
    left : dict of str to str
        Those with dropout that stay as they are, each with the reason.
    """

    swapped: tuple[str, ...]
    left: dict[str, str]

    def __str__(self) -> str:
        lines = [f"swapped: {name or 'the model itself'}" for name in self.swapped]
        lines += [f"left: {name or 'the model itself'}: {why}" for name, why in self.left.items()]
        return "\n".join(lines) or "nothing to swap"


def convert(model: nn.Module, rng: RNG = None) -> Report:
    """Swap all dropout modules of a model for dropcore's, in place.

    A module keeps its identity, its hooks and its p; only its class changes. The model's
    state dictionary stays what it was. Swapped too are the attention dropout of
    `torch.nn.MultiheadAttention`, and so all of `torch.nn.TransformerEncoderLayer` and its
    kin, and the dropout between the layers of `torch.nn.LSTM`, `GRU` and `RNN`.

    Parameters
    ----------
    model : torch.nn.Module
    rng : optional
        As for the modules. Each module gets a key of its own, from its qualified name: that
        of ``stream.child("encoder").child("drop1")`` for ``encoder.drop1``. With None all
        share one key. In either case ``torch.manual_seed`` says which draws they take.
        Modules that are dropcore's already get the new key too; with None they keep theirs.

    Returns
    -------
    Report
        Left are subclasses of PyTorch's modules, whose code is not known. Calls of functions
        in a model's code, such as ``torch.nn.functional.dropout``, are not modules: they stay,
        and no report names them.

    Examples
    --------
    >>> import torch
    >>> from dropcore_torch import convert, revert
    >>> model = torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.Dropout(0.1))
    >>> print(convert(model, rng=42))
    swapped: 1
    >>> model[1]
    Dropout(p=0.1, inplace=False, key=...)
    >>> print(revert(model))
    swapped: 1
    """
    _check_model(model)
    if isinstance(rng, dropcore.Draw):
        raise TypeError(f"rng must be None or what a Stream is made of, not a Draw, {rng!r}")
    stream = None if rng is None else stream_of(rng)
    swapped, left = [], {}
    for name, module in model.named_modules():
        ours = OURS.get(type(module))
        if ours is not None:
            module.__class__ = ours
            module.adopt(_child(stream, name))
            swapped.append(name)
        elif stream is not None and type(module) in PYTORCHS:
            module.source = source_of_layer(_child(stream, name))
            swapped.append(name)
        elif why := _why_left(module):
            left[name] = why
    return Report(tuple(swapped), left)


def revert(model: nn.Module) -> Report:
    """Swap dropcore's dropout modules for PyTorch's, in place.

    Parameters
    ----------
    model : torch.nn.Module

    Returns
    -------
    Report
        Left are modules of a variant, or with options, that PyTorch does not have.
    """
    _check_model(model)
    swapped, left = [], {}
    for name, module in model.named_modules():
        torchs = PYTORCHS.get(type(module))
        if torchs is None:
            continue
        if not getattr(module, "as_in_torch", True):
            left[name] = f"PyTorch has no {module}"
            continue
        module.abandon()
        module.__class__ = torchs
        swapped.append(name)
    return Report(tuple(swapped), left)


def _check_model(model: nn.Module) -> None:
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, not {type(model).__name__}")


def _why_left(module: nn.Module) -> str:
    drops = getattr(module, "dropout", getattr(module, "p", 0))
    if drops and type(module) not in PYTORCHS and isinstance(module, tuple(OURS)):
        return f"{type(module).__qualname__} is a subclass with code of its own"
    return ""


def _child(stream: dropcore.Stream | None, name: str) -> dropcore.Stream | None:
    if stream is not None:
        for part in name.split(".") if name else ():
            stream = stream.child(part)
    return stream
