"""Workers of a DataLoader, forked and spawned, and two processes that train together."""

import socket

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from dropcore_torch import Dropout
from dropcore_torch.functional import dropout
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, Dataset

import dropcore

# Python warns of a fork of a process with threads; PyTorch's threads are idle at that time.
pytestmark = [
    pytest.mark.usefixtures("path"),
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded"),
]


class Dropped(Dataset):
    def __len__(self):
        return 8

    def __getitem__(self, index):
        return dropout(torch.ones(64), 0.5, training=True)


def loaded(method, seed):
    torch.manual_seed(seed)
    loader = DataLoader(Dropped(), 1, num_workers=2, multiprocessing_context=method)
    return torch.cat(list(loader))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_workers_of_a_data_loader(method):
    first = loaded(method, 0)
    assert len(first.unique(dim=0)) == len(first)  # no two workers dropped the same elements
    assert torch.equal(first, loaded("fork", 0))
    assert not torch.equal(first, loaded("fork", 1))


# ------------------------------------------------------- DistributedDataParallel


def train(rank, port, results):
    dist.init_process_group("gloo", f"tcp://127.0.0.1:{port}", world_size=2, rank=rank)
    torch.set_num_threads(1)
    found = {}
    for name, rng in {
        "same": None,
        "other": dropcore.Stream(5).child(rank),
    }.items():
        torch.manual_seed(0)  # the same seed on all ranks, as in most scripts
        drop = Dropout(0.5, rng=rng)
        model = DistributedDataParallel(nn.Sequential(nn.Linear(4, 50), drop, nn.Linear(50, 1)))
        masks = []
        drop.register_forward_hook(lambda _, given, y, masks=masks: masks.append((y == 0).int()))
        for _ in range(2):
            model(torch.ones(3, 4)).sum().backward()
        found[name] = {
            "masks": torch.stack(masks).tolist(),
            "gradient": model.module[0].weight.grad.tolist(),
        }
    results[rank] = found
    dist.destroy_process_group()


def test_two_processes_that_train_together():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with mp.Manager() as manager:
        results = manager.dict()
        mp.spawn(train, (port, results), nprocs=2)
        first, second = results[0], results[1]
    assert first["same"]["masks"] == second["same"]["masks"]
    assert first["other"]["masks"] != second["other"]["masks"]
    assert first["other"]["masks"][0] != first["other"]["masks"][1]
    for name in first:  # averaged gradients are equal on all ranks, although the masks differ
        assert first[name]["gradient"] == second[name]["gradient"]
