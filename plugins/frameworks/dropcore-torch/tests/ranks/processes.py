"""Processes that train together, started and stopped by the tests; nothing here waits for ever."""

import multiprocessing
import os
import time
import traceback
from datetime import timedelta

import torch
from torch import distributed as dist

TIME_OUT = 60  # seconds, of a collective and of a call

# Each process is a fork of one that has imported PyTorch and has not used it.
context = multiprocessing.get_context("forkserver")
context.set_forkserver_preload(["torch", "torch.distributed.tensor.parallel", "dropcore_torch"])


class Ranks:
    """`world` processes of one gloo group."""

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
        """What each rank's call returns, by rank; an error of one is an error here."""
        outcomes = self.outcomes(function, *arguments)
        for rank, (failed, outcome) in enumerate(outcomes):
            assert not failed, f"rank {rank} of {self.world}: {outcome}"
        return [outcome for _, outcome in outcomes]

    def outcomes(self, function, *arguments):
        """Whether each rank's call failed, and what it returned or raised."""
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
    """Call what comes, until the process is killed."""
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
