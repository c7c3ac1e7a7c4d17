import numpy as np
from numpy.typing import NDArray

from dropcore import Draw

def drop_in_rows(draw: Draw, k: int, keep: NDArray[np.uint8]) -> None: ...
def integers_below(draw: Draw, bound: int, integers: NDArray[np.uint64]) -> None: ...
