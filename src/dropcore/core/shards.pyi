from collections.abc import Sequence
from typing import final

from dropcore.draw import _Int

@final
class Shard:
    def __init__(
        self,
        shape: _Int | tuple[_Int, ...] | list[_Int],
        global_shape: Sequence[_Int],
        offsets: Sequence[_Int],
        shared_axes: _Int | Sequence[_Int] = ...,
    ) -> None: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def global_shape(self) -> tuple[int, ...]: ...
    @property
    def offsets(self) -> tuple[int, ...]: ...
    @property
    def shared_axes(self) -> tuple[int, ...]: ...
    @property
    def decisions(self) -> int: ...
