"""The same values with threads, with processes, and with workers that start and stop."""

import os
import signal
import time

import dask
import dask.array as da
import dropcore_dask
import numpy as np
from helpers import DRAW, same_bits, values

import dropcore

SHAPE = (37, 50, 61)
CHUNKS = [
    SHAPE,
    (10, 50, 61),
    (37, 7, 61),
    (37, 50, 7),
    (8, 16, 32),
    ((1, 30, 6), 50, (1, 60)),
    (1, 50, 61),
]
HOWS = [
    {},
    {"variant": "alpha"},
    {"variant": "spatial", "channel_axis": 1},
    {"shared_axes": (0, 2)},
    {"variant": "droppath"},
]


def in_numpy(**how):
    """y and the gradient, computed by NumPy on the whole arrays."""
    x, dy = values(SHAPE), values(SHAPE, seed=1)
    y, mask = dropcore.dropout(x, 0.1, training=True, rng=DRAW, **how)
    return y, mask.backward(dy)


def lazily(chunks, chunks_of_dy, **how):
    """y and the gradient as Dask arrays that are not computed yet."""
    x, dy = values(SHAPE), values(SHAPE, seed=1)
    y, mask = dropcore_dask.dropout(
        da.from_array(x, chunks=chunks), 0.1, training=True, rng=DRAW, **how
    )
    return y, mask.backward(da.from_array(dy, chunks=chunks_of_dy))


def test_threads():
    for chunks in CHUNKS:
        found = dask.compute(*lazily(chunks, CHUNKS[4]), scheduler="threads", num_workers=4)
        assert all(map(same_bits, found, in_numpy()))


def test_processes():
    found = dask.compute(
        *(lazily(chunks, CHUNKS[4]) for chunks in CHUNKS), scheduler="processes", num_workers=2
    )
    for pair in found:
        assert all(map(same_bits, pair, in_numpy()))


def test_two_workers(client):
    assert len(client.nthreads()) == 2
    built = [lazily(chunks, other) for chunks, other in zip(CHUNKS, CHUNKS[::-1], strict=True)]
    for pair in client.compute(built, sync=True):
        assert all(map(same_bits, pair, in_numpy()))
    assert all(client.run(tasks_done).values())


def tasks_done(dask_worker):
    """The number of tasks that a worker has run."""
    return dask_worker.state.executed_count


def test_two_workers_and_every_kind_of_mask(client):
    built = [lazily((8, 16, 32), (5, 50, 13), **how) for how in HOWS]
    for how, pair in zip(HOWS, client.compute(built, sync=True), strict=True):
        assert all(map(same_bits, pair, in_numpy(**how)))


def test_slices_and_rechunks_on_two_workers(client):
    expected, _ = in_numpy()
    y, _ = lazily((8, 16, 32), SHAPE)
    before = lazily((8, 16, 32), SHAPE)[0].rechunk((11, 25, 20))
    some = (slice(3, 5), slice(None), slice(40, None))
    found = client.compute([y[some].rechunk((11, 25, 20)), before[some], before[::-2]], sync=True)
    for each, right in zip(found, [expected[some], expected[some], expected[::-2]], strict=True):
        assert same_bits(each, np.asarray(right))


def test_keep_masks_on_two_workers(client):
    keep = dropcore_dask.keep_mask((300, 500), 0.1, rng=DRAW, chunks=70)
    assert same_bits(client.compute(keep, sync=True), dropcore.keep_mask((300, 500), 0.1, rng=DRAW))


def test_a_graph_that_was_built_on_a_worker(client):
    def build(record):
        mask = dropcore_dask.Mask(dropcore.Mask.from_record(record))
        return mask.forward(da.from_array(values(SHAPE), chunks=13)).compute(
            scheduler="synchronous"
        )

    _, mask = dropcore.dropout(values(SHAPE), 0.1, training=True, rng=DRAW)
    assert same_bits(client.submit(build, mask.record()).result(), in_numpy()[0])


# ------------------------------------------------------------ workers that start and stop


def slowly(block):
    time.sleep(0.05)
    return block


def test_fewer_workers_for_backward_than_for_forward_and_a_worker_that_dies(own_client):
    y, dx = lazily((5, 50, 61), (37, 5, 61))
    expected, gradient = in_numpy()
    assert same_bits(own_client.compute(y, sync=True), expected)
    pids = list(own_client.run(os.getpid).values())
    future = own_client.compute(dx.map_blocks(slowly, dtype=dx.dtype))
    time.sleep(0.1)
    os.kill(pids[0], signal.SIGKILL)
    assert same_bits(future.result(timeout=60), gradient)
    own_client.cluster.scale(1)
    assert same_bits(own_client.compute(y, sync=True), expected)
