"""The modules of a model with their names, and with the names that they have in any wrapper."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn
from torch.optim.swa_utils import AveragedModel

# Where a wrapper keeps what it wraps: torch.compile, FSDP, activation checkpointing.
_WRAPPED = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
# Those that keep it under a name that any model may have.
_WRAPPERS = (nn.parallel.DistributedDataParallel, nn.DataParallel, AveragedModel)


def named_modules(model: nn.Module) -> Iterator[tuple[str, tuple[str, ...], nn.Module]]:
    """Name, path and module of each module in a model.

    The path is the parts of the name without those of wrappers: it is the same for a model and
    for ``DistributedDataParallel(model)``.
    """
    known: dict[str, tuple[tuple[str, ...], nn.Module | None]] = {"": ((), None)}
    for name, module in model.named_modules():
        above, _, part = name.rpartition(".")
        path, parent = known[above]
        if name and not (part in _WRAPPED or (part == "module" and isinstance(parent, _WRAPPERS))):
            path = (*path, part)
        known[name] = path, module
        yield name, path, module
