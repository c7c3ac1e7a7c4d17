"""A network with Dask arrays as batches: masks as with NumPy, losses equal except for rounding."""

import dask.array as da
import dropcore_dask
import numpy as np

import dropcore

P, STEPS, RATE = 0.5, 6, 0.05


def weights():
    rng = np.random.default_rng(0)
    return rng.normal(scale=0.3, size=(16, 64)), rng.normal(scale=0.3, size=(64, 10))


def batch(step):
    """Rows of 16 numbers; the target is the largest of the first ten."""
    x = np.random.default_rng([1, step]).normal(size=(120, 16))
    return x, np.eye(10)[x[:, :10].argmax(axis=1)]


def step_of(x, target, first, second, drop):
    """Loss, gradients and mask of one step, on arrays of NumPy or of Dask."""
    hidden = (x @ first).clip(0, None)
    dropped, mask = drop(hidden)
    error = dropped @ second - target
    d_hidden = mask.backward(error @ second.T) * (hidden > 0)
    return (error**2).sum() / len(x), x.T @ d_hidden, dropped.T @ error, mask


def train(run):
    """Losses and masks of all steps; `run` computes each step."""
    first, second = weights()
    losses, masks = [], []
    for step in range(STEPS):
        loss, d_first, d_second, keep = run(step, first, second)
        first, second = first - RATE / 120 * d_first, second - RATE / 120 * d_second
        losses.append(float(loss))
        masks.append(keep)
    return losses, masks


def test_a_run_on_two_workers_is_the_run_in_numpy(client):
    stream = dropcore.Stream(42).child("hidden")

    def in_numpy(step, first, second):
        def drop(hidden):
            return dropcore.dropout(hidden, P, training=True, rng=stream.at(step))

        *numbers, mask = step_of(*batch(step), first, second, drop)
        return *numbers, mask.keep

    def on_workers(step, first, second):
        def drop(hidden):
            return dropcore_dask.dropout(hidden, P, training=True, rng=stream.at(step))

        rows = 60 - 9 * step  # other chunks in each step
        x, target = (da.from_array(each, chunks=(rows, -1)) for each in batch(step))
        columns = da.from_array(first, chunks=(-1, 32))  # several chunks of hidden units
        *numbers, mask = step_of(x, target, columns, da.from_array(second, chunks=32), drop)
        return client.compute([*numbers, mask.keep(chunks=50)], sync=True)

    losses, masks = train(in_numpy)
    found, found_masks = train(on_workers)
    assert all(map(np.array_equal, masks, found_masks))
    np.testing.assert_allclose(found, losses, rtol=1e-9)
    assert losses[-1] < losses[0]
