"""Dropout on the torch backend."""

from typing import Any

from dropcore_torch import functional


def serves(x: Any) -> bool:
    """Whether `dropout` takes x: if it is on the CPU."""
    return bool(x.is_cpu)


def dropout(layer: Any, x: Any, variant: str, **options: Any) -> Any:
    """Dropout of x, by the layer's seed, or without one by PyTorch's generator."""
    # A checkpoint that computes again sets PyTorch's generator back, but not Keras's.
    rng = None
    if layer.seed is not None:  # a tensor all the way, so that a compiler keeps no seed
        rng = functional.draw_of_seed(layer.seed_generator.next())
    return functional.dropout(x, float(layer.rate), True, rng=rng, variant=variant, **options)
