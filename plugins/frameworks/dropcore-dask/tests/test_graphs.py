"""Graphs: names are reproducible, and tasks contain an address and no arrays."""

import subprocess
import sys

import cloudpickle
import dask
import dask.array as da
import dropcore_dask
import numpy as np
from helpers import DRAW

import dropcore

BUILD = """
import dask.array as da, dropcore, dropcore_dask
x = da.ones((50, 60), chunks=(20, 30), dtype="float32")
draw = dropcore.Stream(42, path=("dask",)).at(2**40)
y, mask = dropcore_dask.dropout(x, 0.1, training=True, rng=draw, shared_axes=(0,))
names = [y.name, mask.backward(y).name, mask.keep(chunks=10).name]
"""


def names_built_here():
    names = {}
    exec(BUILD, names)
    return names["names"]


def test_the_names_are_the_same_each_time_and_in_every_process():
    done = subprocess.run(
        [sys.executable, "-c", BUILD + "print(names)"],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert names_built_here() == names_built_here() == eval(done.stdout)


def test_what_differs_has_another_name():
    x = da.ones((50, 60), chunks=(20, 30), dtype="float32")
    calls = [
        {},
        {"rng": dropcore.Stream(42).at(1)},
        {"p": 0.2},
        {"variant": "alpha"},
        {"shared_axes": 1},
        {"shard": ((51, 60), (1, 0))},
        {"x": x.rechunk(10)},
        {"x": x + 1},
    ]
    names = []
    for call in calls:
        arguments = {"x": x, "p": 0.1, "training": True, "rng": DRAW} | call
        y, mask = dropcore_dask.dropout(**arguments)
        names += [y.name, mask.backward(y).name, mask.keep().name]
    assert len(set(names)) == len(names) - 2  # the last two have the masks of the first


def test_a_mask_is_a_deterministic_argument():
    masks = [dropcore_dask.dropout(da.ones(9), 0.1, training=True, rng=DRAW)[1] for _ in range(2)]
    with dask.config.set({"tokenize.ensure-deterministic": True}):
        assert dask.base.tokenize(masks[0]) == dask.base.tokenize(masks[1])


def test_a_graph_carries_the_text_of_its_draw_and_no_arrays():
    x = da.ones((4000, 5000), chunks=(400, 500), dtype="float32")
    y, mask = dropcore_dask.dropout(x, 0.1, training=True, rng=DRAW)
    for array in (y, mask.backward(x), mask.keep(chunks=500)):
        tasks = [task for key, task in dict(array.__dask_graph__()).items() if key[0] == array.name]
        assert len(tasks) == array.npartitions
        sent = [cloudpickle.dumps(task) for task in tasks]
        assert all(str(DRAW).encode() in each for each in sent)
        assert max(map(len, sent)) < 4096
        assert not any(
            isinstance(arg, np.ndarray) for task in tasks for arg in getattr(task, "args", ())
        )
