"""The compiled core over buffers: for authors of engines.

The functions know no variants and no streams: a `Draw` determines the decisions. The functions read
and write buffers of one dimension, and make no arrays. A buffer is any object with the buffer
protocol (array.array, memoryview, ctypes, NumPy), or an object that NumPy can read without a copy,
such as a tensor of PyTorch on the CPU.

In Cython, ``from dropcore.core cimport forward`` gives the same functions over typed memoryviews,
inlined, without the GIL. docs/core.md compares the interfaces.
"""

# written by tools/write_interface.py: names
from dropcore.core.functions import (
    backward,
    backward_bfloat16,
    backward_float16,
    forward,
    forward_bfloat16,
    forward_float16,
    forward_plan,
    forward_plan_bfloat16,
    forward_plan_float16,
    forward_shard,
    forward_shard_bfloat16,
    forward_shard_float16,
    keep_bits,
    keep_shard,
    repeat,
    repeat_bfloat16,
    repeat_float16,
    select,
    select_bfloat16,
    select_float16,
    tile,
    tile_bfloat16,
    tile_float16,
)
from dropcore.core.shards import Shard

__all__ = [
    "Shard",
    "backward",
    "backward_bfloat16",
    "backward_float16",
    "forward",
    "forward_bfloat16",
    "forward_float16",
    "forward_plan",
    "forward_plan_bfloat16",
    "forward_plan_float16",
    "forward_shard",
    "forward_shard_bfloat16",
    "forward_shard_float16",
    "keep_bits",
    "keep_shard",
    "repeat",
    "repeat_bfloat16",
    "repeat_float16",
    "select",
    "select_bfloat16",
    "select_float16",
    "tile",
    "tile_bfloat16",
    "tile_float16",
]
# end of names


def __dir__() -> list[str]:  # for completion: the public names
    return sorted(__all__)
