"""Processes that train together. Tests start and stop them, and every wait has a time limit."""

import multiprocessing
import os
import time
import traceback
from datetime import timedelta

import torch
from torch import distributed as dist

TIME_OUT = 60  # seconds, for one collective operation; a call may take twice as long

# Each rank is forked from a server process that has imported PyTorch and has not used it yet.
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["torch", "torch.distributed.tensor.parallel", "dropcore_torch"])


class Ranks:
    """A gloo group of `world` processes."""

    def __init__(self, world, folder, time_out=TIME_OUT):
        self.world, self.time_out = world, time_out
        self.pipes, self.processes = [], []
        for rank in range(world):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=serve, args=(theirs, rank, world, str(folder / "store"), time_out)
            )
            process.start()
            theirs.close()
            self.pipes.append(ours)
            self.processes.append(process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
        for process in self.processes:
            process.join()

    def run(self, function, *arguments):
        """Call a function on all ranks; return the results by rank. A failed call raises."""
        outcomes = self.outcomes(function, *arguments)
        for rank, (failed, outcome) in enumerate(outcomes):
            assert not failed, f"rank {rank} of {self.world}: {outcome}"
        return [outcome for _, outcome in outcomes]

    def outcomes(self, function, *arguments):
        """Call a function on all ranks; return (failed, result or error text) of each rank."""
        for pipe in self.pipes:
            pipe.send((function, arguments))
        end = time.monotonic() + 2 * self.time_out
        return [receive(pipe, end - time.monotonic()) for pipe in self.pipes]


def receive(pipe, seconds):
    try:
        if not pipe.poll(max(seconds, 0)):
            return True, "no answer in time"
        return pipe.recv()
    except (EOFError, ConnectionError):
        return True, "it died"


def serve(pipe, rank, world, store, time_out):
    """Receive calls and run them, until the process is killed."""
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    dist.init_process_group(
        "gloo",
        store=dist.FileStore(store, world),
        rank=rank,
        world_size=world,
        timeout=timedelta(seconds=time_out),
    )
    while True:
        function, arguments = pipe.recv()
        try:
            pipe.send((False, function(*arguments)))
        except Exception:
            pipe.send((True, traceback.format_exc()))
