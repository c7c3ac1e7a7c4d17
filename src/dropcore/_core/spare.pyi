from typing import final

import numpy as np
import numpy.typing as npt

@final
class SpareArrays:
    def like(self, x: object) -> npt.NDArray[np.generic] | None: ...
