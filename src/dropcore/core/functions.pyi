from typing import Any, TypeAlias

import numpy as np

from dropcore.core.shards import Shard
from dropcore.draw import Draw

_Int: TypeAlias = int | np.integer[Any]
_Real: TypeAlias = float | np.floating[Any] | np.integer[Any]
_Buffer: TypeAlias = Any  # the buffer protocol, or what NumPy reads without a copy

def keep_bits(draw: Draw, p: _Real, bits: _Buffer, n: _Int, start: _Int = ...) -> None: ...
def keep_shard(draw: Draw, p: _Real, shard: Shard, bits: _Buffer) -> None: ...

# written by tools/write_interface.py: functions
def forward(
    draw: Draw,
    p: _Real,
    x: _Buffer,
    y: _Buffer,
    bits: _Buffer | None = ...,
    start: _Int = ...,
) -> None: ...
def forward_float16(
    draw: Draw,
    p: _Real,
    x: _Buffer,
    y: _Buffer,
    bits: _Buffer | None = ...,
    start: _Int = ...,
) -> None: ...
def forward_bfloat16(
    draw: Draw,
    p: _Real,
    x: _Buffer,
    y: _Buffer,
    bits: _Buffer | None = ...,
    start: _Int = ...,
) -> None: ...
def backward(
    draw: Draw,
    p: _Real,
    dy: _Buffer,
    dx: _Buffer,
    bits: _Buffer | None = ...,
    start: _Int = ...,
) -> None: ...
def backward_float16(
    draw: Draw,
    p: _Real,
    dy: _Buffer,
    dx: _Buffer,
    bits: _Buffer | None = ...,
    start: _Int = ...,
) -> None: ...
def backward_bfloat16(
    draw: Draw,
    p: _Real,
    dy: _Buffer,
    dx: _Buffer,
    bits: _Buffer | None = ...,
    start: _Int = ...,
) -> None: ...
def forward_plan(
    draw: Draw,
    p: _Real,
    x: _Buffer,
    y: _Buffer,
    scale: float,
    shift: float = ...,
    drop: float = ...,
    bits: _Buffer | None = ...,
    start: _Int = ...,
) -> None: ...
def forward_plan_float16(
    draw: Draw,
    p: _Real,
    x: _Buffer,
    y: _Buffer,
    scale: float,
    shift: float = ...,
    drop: float = ...,
    bits: _Buffer | None = ...,
    start: _Int = ...,
) -> None: ...
def forward_plan_bfloat16(
    draw: Draw,
    p: _Real,
    x: _Buffer,
    y: _Buffer,
    scale: float,
    shift: float = ...,
    drop: float = ...,
    bits: _Buffer | None = ...,
    start: _Int = ...,
) -> None: ...
def select(
    bits: _Buffer,
    x: _Buffer,
    y: _Buffer,
    scale: float,
    shift: float = ...,
    drop: float = ...,
    first: _Int = ...,
) -> None: ...
def select_float16(
    bits: _Buffer,
    x: _Buffer,
    y: _Buffer,
    scale: float,
    shift: float = ...,
    drop: float = ...,
    first: _Int = ...,
) -> None: ...
def select_bfloat16(
    bits: _Buffer,
    x: _Buffer,
    y: _Buffer,
    scale: float,
    shift: float = ...,
    drop: float = ...,
    first: _Int = ...,
) -> None: ...
def repeat(
    bits: _Buffer,
    decisions: _Int,
    times: _Int,
    x: _Buffer,
    y: _Buffer,
    scale: float,
    shift: float = ...,
    drop: float = ...,
    first: _Int = ...,
) -> None: ...
def repeat_float16(
    bits: _Buffer,
    decisions: _Int,
    times: _Int,
    x: _Buffer,
    y: _Buffer,
    scale: float,
    shift: float = ...,
    drop: float = ...,
    first: _Int = ...,
) -> None: ...
def repeat_bfloat16(
    bits: _Buffer,
    decisions: _Int,
    times: _Int,
    x: _Buffer,
    y: _Buffer,
    scale: float,
    shift: float = ...,
    drop: float = ...,
    first: _Int = ...,
) -> None: ...
def tile(
    bits: _Buffer,
    decisions: _Int,
    times: _Int,
    x: _Buffer,
    y: _Buffer,
    scale: float,
    shift: float = ...,
    drop: float = ...,
    first: _Int = ...,
) -> None: ...
def tile_float16(
    bits: _Buffer,
    decisions: _Int,
    times: _Int,
    x: _Buffer,
    y: _Buffer,
    scale: float,
    shift: float = ...,
    drop: float = ...,
    first: _Int = ...,
) -> None: ...
def tile_bfloat16(
    bits: _Buffer,
    decisions: _Int,
    times: _Int,
    x: _Buffer,
    y: _Buffer,
    scale: float,
    shift: float = ...,
    drop: float = ...,
    first: _Int = ...,
) -> None: ...
def forward_shard(
    draw: Draw,
    p: _Real,
    shard: Shard,
    x: _Buffer,
    y: _Buffer,
    scale: float,
    shift: float = ...,
    drop: float = ...,
    bits: _Buffer | None = ...,
) -> None: ...
def forward_shard_float16(
    draw: Draw,
    p: _Real,
    shard: Shard,
    x: _Buffer,
    y: _Buffer,
    scale: float,
    shift: float = ...,
    drop: float = ...,
    bits: _Buffer | None = ...,
) -> None: ...
def forward_shard_bfloat16(
    draw: Draw,
    p: _Real,
    shard: Shard,
    x: _Buffer,
    y: _Buffer,
    scale: float,
    shift: float = ...,
    drop: float = ...,
    bits: _Buffer | None = ...,
) -> None: ...

# end of functions
