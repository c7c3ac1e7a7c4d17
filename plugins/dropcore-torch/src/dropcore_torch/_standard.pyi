from typing import Final, final

FLOAT32: Final[int]
FLOAT64: Final[int]
FLOAT16: Final[int]
BFLOAT16: Final[int]

@final
class StandardMask:
    size: Final[int]
    def __init__(self, key: str, index: int, p: float, dtype: int, n: int) -> None: ...
    def forward(self, x: int, y: int, keep_bits: bool) -> None: ...
    def backward(self, dy: int, dx: int) -> None: ...
