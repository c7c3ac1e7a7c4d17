from torch import Tensor

import dropcore

class Rows:
    def __init__(self, draw: dropcore.Draw, p: float, columns: int) -> None: ...
    def drop(
        self, block: Tensor, first: int, step: int, out: Tensor | None = None, keep: bool = False
    ) -> bytes | None: ...
    def again(self, block: Tensor, packed: bytes) -> None: ...
