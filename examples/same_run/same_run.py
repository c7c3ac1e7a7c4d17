"""One training in NumPy, on ranks of PyTorch, and on Dask workers, with the same masks.

A perceptron with one hidden layer learns handwritten digits. Each step has its own draw, and each
process computes its part of the mask of this draw. So all runs drop the same units in each step,
and their losses differ only by the rounding of sums.
"""

import tempfile
from datetime import timedelta
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits

import dropcore

P, STEPS, RATE = 0.5, 20, 0.5
BATCH, HIDDEN, CLASSES = 120, 64, 10  # 1, 2 or 4 processes share a batch
STREAM = dropcore.Stream(42, path=("hidden",))


class Run(NamedTuple):
    """The results of a run: losses and decisions of each step, and the weights at the end."""

    losses: np.ndarray  # (STEPS,)
    keep: np.ndarray  # (STEPS, BATCH, HIDDEN), True for kept units
    weights: list[np.ndarray]


all_digits = lru_cache(load_digits)


def batch_of(step):
    """The pixels of a step's samples, and their labels as one-hot rows."""
    digits = all_digits()
    rows = np.random.default_rng([1, step]).permutation(len(digits.data))[:BATCH]
    return digits.data[rows] / 16, np.eye(CLASSES)[digits.target[rows]]


def first_weights():
    """The initial weights of all runs."""
    rng = np.random.default_rng(0)
    return [
        rng.normal(scale=0.2, size=(64, HIDDEN)),
        rng.normal(scale=0.2, size=(HIDDEN, CLASSES)),
    ]


# --------------------------------------------------------------- NumPy, and Dask


def step_of(x, target, weights, drop):
    """Loss, gradients and mask of one step, for NumPy arrays and Dask arrays."""
    hidden = np.tanh(x @ weights[0])
    dropped, mask = drop(hidden)
    scores = np.exp(dropped @ weights[1])
    chances = scores / scores.sum(axis=1, keepdims=True)
    loss = -(target * np.log(chances)).sum() / BATCH
    d_scores = (chances - target) / BATCH
    d_hidden = mask.backward(d_scores @ weights[1].T) * (1 - hidden**2)
    return loss, [x.T @ d_hidden, dropped.T @ d_scores], mask


def with_numpy():
    """The run in NumPy, on one process."""
    weights, losses, kept = first_weights(), [], []
    for step in range(STEPS):

        def drop(hidden, step=step):
            return dropcore.dropout(hidden, P, training=True, rng=STREAM.at(step))

        loss, gradients, mask = step_of(*batch_of(step), weights, drop)
        weights = [w - RATE * g for w, g in zip(weights, gradients, strict=True)]
        losses.append(loss)
        kept.append(mask.keep)
    return Run(np.array(losses), np.array(kept), weights)


def with_dask(workers):
    """The run on Dask worker processes, with other chunks in each step."""
    import dask.array as da
    import dropcore_dask
    from distributed import Client, LocalCluster

    weights, losses, kept = first_weights(), [], []
    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address="127.0.0.1:0"
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        for step in range(STEPS):

            def drop(hidden, step=step):
                return dropcore_dask.dropout(hidden, P, training=True, rng=STREAM.at(step))

            x, target = (da.from_array(each, chunks=(60 - step, -1)) for each in batch_of(step))
            first = da.from_array(weights[0], chunks=(-1, 40))  # the hidden units are cut as well
            second = da.from_array(weights[1], chunks=(40, -1))
            loss, gradients, mask = step_of(x, target, [first, second], drop)
            loss, *gradients, keep = client.compute(
                [loss, *gradients, mask.keep(chunks=60)], sync=True
            )
            weights = [w - RATE * g for w, g in zip(weights, gradients, strict=True)]
            losses.append(loss)
            kept.append(keep)
    return Run(np.array(losses), np.array(kept), weights)


# ---------------------------------------------------------------- ranks of PyTorch


def with_torch(ranks):
    """The run on processes that train with DistributedDataParallel."""
    from torch.multiprocessing import spawn

    with tempfile.TemporaryDirectory() as folder:
        spawn(train_rank, (ranks, folder), ranks)  # an error in one process ends all processes
        parts = [np.load(Path(folder) / f"{rank}.npz") for rank in range(ranks)]
        keep = np.concatenate([part["keep"] for part in parts], axis=1)
        return Run(parts[0]["losses"], keep, [parts[0]["first"], parts[0]["second"]])


def train_rank(rank, ranks, folder):
    """Train on one rank, and save its results."""
    import torch
    from torch import distributed as dist

    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo",
        store=dist.FileStore(f"{folder}/store", ranks),
        rank=rank,
        world_size=ranks,
        timeout=timedelta(seconds=60),
    )
    np.savez(f"{folder}/{rank}.npz", **part_of_run(rank, ranks))
    # A rank may leave the group only after the last message of all ranks. Its model, which refers
    # to the group, no longer exists here.
    dist.barrier()
    dist.destroy_process_group()


def part_of_run(rank, ranks):
    """The run on one rank, which has a part of each batch and all weights."""
    import torch
    from torch import distributed as dist
    from torch.nn.parallel import DistributedDataParallel

    model = DistributedDataParallel(network())
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    mine = slice(rank * BATCH // ranks, (rank + 1) * BATCH // ranks)
    losses, kept = [], []
    for step in range(STEPS):
        x, target = (torch.from_numpy(each[mine]) for each in batch_of(step))
        scores, dropped = model(x, STREAM.at(step), ((BATCH, HIDDEN), (mine.start, 0)))
        loss = torch.nn.functional.cross_entropy(scores, target)
        optimizer.zero_grad()
        loss.backward()  # DistributedDataParallel averages the gradients over the ranks
        optimizer.step()
        mean = loss.detach().clone()
        dist.all_reduce(mean)
        losses.append(mean.item() / ranks)
        kept.append((dropped != 0).numpy())  # a kept tanh(x) is never 0 here
    first, second = (each.detach().numpy().T for each in model.parameters())
    return {"losses": losses, "keep": kept, "first": first, "second": second}


def network():
    """The same perceptron as a module; draw and shard are arguments of its forward."""
    import torch
    from dropcore_torch import distributed
    from torch import nn

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(64, HIDDEN, bias=False, dtype=torch.float64)
            self.second = nn.Linear(HIDDEN, CLASSES, bias=False, dtype=torch.float64)
            with torch.no_grad():
                for layer, weight in zip((self.first, self.second), first_weights(), strict=True):
                    layer.weight.copy_(torch.from_numpy(weight.T))

        def forward(self, x, draw, shard):
            hidden = torch.tanh(self.first(x))
            dropped = distributed.dropout(hidden, P, self.training, rng=draw, shard=shard)
            return self.second(dropped), dropped.detach()

    return Network()


RUNS = {
    "NumPy": with_numpy,
    "PyTorch, 1 rank": lambda: with_torch(1),
    "PyTorch, 2 ranks": lambda: with_torch(2),
    "PyTorch, 4 ranks": lambda: with_torch(4),
    "Dask, 2 workers": lambda: with_dask(2),
}


def main():
    """Start all runs, and print how each differs from NumPy."""
    expected = with_numpy()
    print(f"{'':18}first loss    last loss    largest difference    decisions that differ")
    for name, run in RUNS.items():
        found = run()
        apart = np.abs(found.losses - expected.losses).max()
        other = np.count_nonzero(found.keep != expected.keep)
        print(
            f"{name:18}{found.losses[0]:10.6f}{found.losses[-1]:13.6f}{apart:22.1e}"
            f"{other:12} of {expected.keep.size}"
        )


if __name__ == "__main__":
    main()
