"""Times dropout of a large Dask array with dropcore and with `da.random`: `python bench.py`.

    python bench.py [--gib 2] [--rounds 3]

dropcore is compared with `da.where(rng.random(x.shape) >= p, x / (1 - p), 0)`, with a generator of
`da.random.default_rng`. Chunks of 64 MiB are filled with ones, dropped and summed, so that a worker
sends only one number for each chunk. The row "no dropout" is the filling and the sum alone,
which are part of all figures. One thread, two threads, and two worker processes of one thread each
are measured in turn; the least time of the rounds counts.
"""

import argparse
import time

import dask
import dask.array as da
import dropcore_dask
import numpy as np
from distributed import Client, LocalCluster

import dropcore

P = 0.1
CHUNK = 2**24  # float32: 64 MiB


def ones(block_info):
    """One chunk, in memory of its own: `da.ones` would repeat one number."""
    return np.ones(block_info[None]["chunk-shape"], np.float32)


def with_dropcore(x):
    """Dropout of this package."""
    return dropcore_dask.dropout(x, P, training=True, rng=dropcore.Stream(42).at(0))[0]


def with_da_random(x):
    """Dropout by Dask's own operations, in float32 like x."""
    uniform = da.random.default_rng(42).random(x.shape, chunks=x.chunks, dtype=np.float32)
    return da.where(uniform >= np.float32(P), x * np.float32(1 / (1 - P)), np.float32(0))


def without(x):
    """No dropout: the cost of the other operations."""
    return x


CONTENDERS = {"no dropout": without, "da.random": with_da_random, "dropcore": with_dropcore}


def seconds(array, compute):
    """The time of the sum of an array."""
    start = time.perf_counter()
    compute(array.sum())
    return time.perf_counter() - start


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--gib", type=float, default=2, help="size of the array in GiB (default: 2)"
    )
    parser.add_argument("--rounds", type=int, default=3, help="number of rounds (default: 3)")
    arguments = parser.parse_args()
    n = int(arguments.gib * 2**28) // CHUNK * CHUNK
    x = da.map_blocks(
        ones, chunks=((CHUNK,) * (n // CHUNK),), dtype=np.float32, meta=np.empty(0, np.float32)
    )
    arrays = {name: drop(x) for name, drop in CONTENDERS.items()}
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address="127.0.0.1:0") as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        engines = {
            "1 thread": lambda array: array.compute(scheduler="synchronous"),
            "2 threads": lambda array: array.compute(scheduler="threads", num_workers=2),
            "2 workers": lambda array: client.compute(array, sync=True),
        }
        for compute in engines.values():  # workers import their modules
            for array in arrays.values():
                compute(array[: 2 * CHUNK].sum())
        least = {}
        for _ in range(arguments.rounds):
            for engine, compute in engines.items():
                for name, array in arrays.items():
                    took = seconds(array, compute)
                    least[name, engine] = min(took, least.get((name, engine), took))
    print(
        f"dask {dask.__version__}, {n * 4 / 2**30:g} GiB of float32, p = {P}; "
        "10^9 elements per second"
    )
    print(f"{'':12}" + "".join(f"{engine:>12}" for engine in engines) + "   2 workers / 1 thread")
    for name in arrays:
        row = [n / least[name, engine] / 1e9 for engine in engines]
        print(f"{name:12}" + "".join(f"{each:12.3f}" for each in row) + f"{row[2] / row[0]:10.2f}")


if __name__ == "__main__":
    main()
