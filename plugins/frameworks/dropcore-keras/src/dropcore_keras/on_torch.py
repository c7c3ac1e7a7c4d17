"""Dropout on the torch backend."""

from typing import Any

from dropcore_torch import functional

import dropcore


def serves(x: Any) -> bool:
    """Whether `dropout` takes x: if it is on the CPU."""
    return bool(x.is_cpu)


def dropout(layer: Any, x: Any, variant: str, **options: Any) -> Any:
    """Dropout of x, by the layer's seed, or without one by PyTorch's generator."""
    # A checkpoint that computes again sets PyTorch's generator back, but not Keras's.
    rng = None if layer.seed is None else draw_of(layer.seed_generator.next())
    return functional.dropout(x, float(layer.rate), True, rng=rng, variant=variant, **options)


def draw_of(words: Any) -> dropcore.Draw:
    """The draw that the two words of a seed mean; the same as on the jax backend."""
    seed = b"".join((word % 2**32).to_bytes(4, "little") for word in words.tolist())
    return dropcore.Stream(seed).at(0)
