from typing import Final, TypeAlias, overload

import numpy as np

from dropcore.draw import Draw, _Int
from dropcore.stream import Stream

RNGLike: TypeAlias = (
    Stream
    | Draw
    | _Int
    | np.random.SeedSequence
    | np.random.Generator
    | np.random.BitGenerator
    | None
)

# The functions that this module exports to compiled code, as capsules by name; Cython makes it.
__pyx_capi__: Final[dict[str, object]]

@overload
def stream_of(rng: None) -> None: ...
@overload
def stream_of(
    rng: Stream | _Int | np.random.SeedSequence | np.random.Generator | np.random.BitGenerator,
) -> Stream: ...
