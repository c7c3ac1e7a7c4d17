"""Large outputs: memory allocated by NumPy, kept for the next output."""

import gc
import threading

import numpy as np
import pytest
import torch
from dropcore_torch import memory
from dropcore_torch.functional import dropout
from expected import core, next_draw, same_bits

import dropcore

pytestmark = pytest.mark.usefixtures("path")

STREAM = dropcore.Stream(3)
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
MANY = memory.LARGE // 4  # elements of float32


@pytest.fixture(autouse=True)
def _nothing_kept():
    memory._kept.clear()
    yield
    memory._kept.clear()


def kept():
    gc.collect()
    return sum(size * len(blocks) for size, blocks in memory._kept.items())


@pytest.mark.parametrize("dtype", DTYPES)
def test_large_outputs(dtype):
    """Large outputs lie in memory that NumPy allocated; nothing else about the tensors differs."""
    size = (1 << 22) // torch.empty((), dtype=dtype).element_size()
    for n in size - 1, size, 3 * size + 5:
        x = torch.full((n,), 2.0, dtype=dtype, requires_grad=True)
        y, mask = core(x, 0.25, next_draw(STREAM))
        result = dropout(x, 0.25, True, rng=STREAM)
        assert same_bits(result, y)
        result.backward(result.detach())
        assert same_bits(x.grad, mask.backward(y))
        result.detach().add_(1)
        assert not result._is_view()


def test_small_outputs_are_pytorch_s():
    dropout(torch.ones(MANY - 1), 0.5, True)
    assert kept() == 0


def test_memory_is_kept_and_used_again():
    x = torch.ones(MANY)
    y = dropout(x, 0.5, True)
    place = y.data_ptr()
    assert place % memory.LINE == 0
    assert kept() == 0
    del y
    assert kept() == 4 * MANY
    takes_what_is_freed = [np.empty(4 * MANY, np.uint8) for _ in range(4)]
    y = dropout(x, 0.5, True)
    del takes_what_is_freed
    assert (y.data_ptr(), kept()) == (place, 0)
    assert dropout(x, 0.5, True).data_ptr() != place


@pytest.mark.parametrize(
    "share",
    [
        lambda y: y[5:],
        lambda y: y.detach().view(torch.int32),
        lambda y: y.numpy(),
        lambda y: np.from_dlpack(y),
        lambda y: y.untyped_storage(),
        lambda y: (y * 2).requires_grad_() * y,  # the product is saved for backward
    ],
)
def test_memory_that_something_shares_is_not_used_again(share):
    x = torch.ones(MANY)
    y = dropout(x, 0.5, True)
    place, shared = y.data_ptr(), share(y)
    del y
    assert kept() == 0
    assert dropout(x, 1, True).data_ptr() != place
    del shared
    assert kept() > 0


def test_what_is_kept_is_bounded():
    count = memory.KEPT // memory.LARGE + 3
    outputs = [dropout(torch.ones(MANY + size % 3), 0.5, True) for size in range(count)]
    del outputs
    assert memory.KEPT - 2 * memory.LARGE < kept() <= memory.KEPT
    huge = np.empty(memory.KEPT + 1, np.uint8)
    memory._keep(huge)
    assert kept() <= memory.KEPT


def test_threads_get_memory_of_their_own():
    wrong = []

    def work(seed):
        draw = STREAM.at(seed)
        x = torch.full((MANY,), float(seed + 1))
        expected, _ = core(x, 0.5, draw)
        for _ in range(8):
            if not same_bits(dropout(x, 0.5, True, rng=draw), expected):
                wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
