"""The modules of a model with their names, with and without the parts that wrappers add."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn
from torch.optim.swa_utils import AveragedModel

# The attributes in which wrappers keep a module: torch.compile, FSDP, activation checkpointing.
_WRAPPED = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
# The wrappers that keep the module in an attribute whose name a model may use too.
_WRAPPERS = (nn.parallel.DistributedDataParallel, nn.DataParallel, AveragedModel)


def named_modules(model: nn.Module) -> Iterator[tuple[str, tuple[str, ...], nn.Module]]:
    """Name, path and module of each module in a model.

    The path has the parts of the name without those that wrappers add, so it is the same for a
    model and for ``DistributedDataParallel(model)``.
    """
    known: dict[str, tuple[tuple[str, ...], nn.Module | None]] = {"": ((), None)}
    for name, module in model.named_modules():
        above, _, part = name.rpartition(".")
        path, parent = known[above]
        if name and not (part in _WRAPPED or (part == "module" and isinstance(parent, _WRAPPERS))):
            path = (*path, part)
        known[name] = path, module
        yield name, path, module
