"""Dropout on the torch backend."""

from typing import Any

from dropcore_torch import functional


def serves(x: Any) -> bool:
    """Whether `dropout` takes x: if it is on the CPU."""
    return bool(x.is_cpu)


def dropout(layer: Any, x: Any, variant: str, **options: Any) -> Any:
    """Dropout of x with the layer's seed, or with PyTorch's generator if the seed is None."""
    # Activation checkpointing restores the state of PyTorch's generator, but not that of Keras's.
    rng = None
    if layer.seed is not None:  # stays a tensor, so that a compiler does not make it a constant
        rng = functional.draw_of_seed(layer.seed_generator.next())
    return functional.dropout(x, float(layer.rate), True, rng=rng, variant=variant, **options)
