"""The speed relative to dropout by JAX's own operations, on one thread: `python bench.py`.

The operations are `jnp.where(jax.random.bernoulli(key, 1 - p, x.shape), x / (1 - p), 0)`. Both are
compiled by `jax.jit` and measured in turn, in one process on one core.
"""

import os
import time
from functools import partial

os.environ["JAX_PLATFORMS"] = "cpu"
os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})

import dropcore_jax
import jax
import jax.numpy as jnp

SECONDS = 1.0  # for each row and contender


def own(key, x, p):
    """Dropout by JAX's own operations."""
    return jnp.where(jax.random.bernoulli(key, 1 - p, x.shape), x / (1 - p), 0)


def ours(key, x, p):
    """Dropout of this package."""
    return dropcore_jax.dropout(key, x, p, training=True)


def copied(key, x, p):
    """No dropout: the least cost of an output."""
    return x.copy()


def forward(drop, p):
    """The forward pass, compiled."""
    return jax.jit(lambda key, x: drop(key, x, p))


def forward_and_backward(drop, p):
    """The forward pass and the gradient, compiled as one."""

    def run(key, x):
        y, vjp = jax.vjp(lambda x: drop(key, x, p), x)
        return y, vjp(y)

    return jax.jit(run)


def seconds(f):
    """The time of one call, until its result is ready."""
    start = time.perf_counter()
    jax.block_until_ready(f())
    return time.perf_counter() - start


def fastest(contenders):
    """The least time of each function; they are called in turn until the time is over."""
    least = [float("inf")] * len(contenders)
    for f in contenders:
        jax.block_until_ready(f())
    until = time.perf_counter() + SECONDS * len(contenders)
    while time.perf_counter() < until:
        least = [min(before, seconds(f)) for before, f in zip(least, contenders, strict=True)]
    return least


def main():
    """Print the table."""
    key = jax.random.key(0)
    print(f"jax {jax.__version__}, one thread, float32; least time in microseconds")
    print(f"{'':22}{'n':>7}{'p':>6}{'JAX':>11}{'dropcore':>11}{'ratio':>8}{'copy':>10}")
    for make in (forward, forward_and_backward):
        for exponent in (10, 14, 18, 22):
            for p in (0.1, 0.5):
                x = jax.random.normal(key, (1 << exponent,))
                contenders = [partial(make(drop, p), key, x) for drop in (own, ours, copied)]
                jaxs, ours_, copy = (1e6 * least for least in fastest(contenders))
                print(
                    f"{make.__name__.replace('_', ' '):22}{f'2^{exponent}':>7}{p:6}"
                    f"{jaxs:11.1f}{ours_:11.1f}{jaxs / ours_:8.1f}{copy:10.1f}"
                )


if __name__ == "__main__":
    main()
