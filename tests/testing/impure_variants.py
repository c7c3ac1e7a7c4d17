"""Variants with right values for usual arrays, and one other fault each: such as a write to x."""

import os
import threading
import time
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from testing.right_variants import Feature, Standard, another
from testing.wrong_variants import caught_by

from dropcore import Stream, keep_mask


@caught_by("empty")
class LooksAtTheFirst(Standard):
    def forward(self, draw, p, x):
        y, saved = super().forward(draw, p, x)
        return y + 0 * x.reshape(-1)[0], saved


@caught_by("zero_d")
class LooksAtTheLastAxis(Standard):
    def forward(self, draw, p, x):
        return super().forward(draw, p, x[..., : x.shape[-1]])


@caught_by("out")
@caught_by("own_memory")
class ViewOfX(Standard):
    def forward(self, draw, p, x):
        y, _ = super().forward(draw, p, x)
        return y, (x, y)

    def backward(self, draw, p, dy, x, y):
        return self.select(y == x * x.dtype.type(self.scale(p)), dy, self.scale(p))


@caught_by("unchanged_inputs")
class InPlace(Standard):
    def forward(self, draw, p, x):
        x *= self.scale(p)
        return np.where(self.keep(draw, p, x.shape), x, x.dtype.type(0)), ()


@caught_by("unchanged_inputs")
class InPlaceInference(Feature):
    def infer(self, p, x):
        x *= (1 - p) * self.factor
        return x


@caught_by("second_use")
class SavedOverwritten(Standard):
    def forward(self, draw, p, x):
        y, _ = super().forward(draw, p, x)
        return y, (self.keep(draw, p, x.shape) * x.dtype.type(self.scale(p)),)

    def backward(self, draw, p, dy, factor):
        factor *= dy
        return factor


@caught_by("replay")
class FromTheSystem(Standard):
    def forward(self, draw, p, x):
        keep = keep_mask(x.shape, p, rng=Stream(os.urandom(8)).at(0))
        return self.select(keep, x, self.scale(p)), (keep,)

    def backward(self, draw, p, dy, keep):
        return self.select(keep, dy, self.scale(p))


@caught_by("pickling")
class SavesAFunction(Standard):
    def forward(self, draw, p, x):
        return super().forward(draw, p, x)[0], (lambda dy: dy,)

    def backward(self, draw, p, dy, function):
        return super().backward(draw, p, function(dy))


@caught_by("global_state")
class ReadsTheGlobalGenerator(Standard):
    def forward(self, draw, p, x):
        keep = np.random.random(x.shape) >= p  # noqa: NPY002
        return self.select(keep, x, self.scale(p)), (keep,)

    def backward(self, draw, p, dy, keep):
        return self.select(keep, dy, self.scale(p))


@caught_by("global_state")
class SeedsTheGlobalGenerator(ReadsTheGlobalGenerator):
    def forward(self, draw, p, x):
        np.random.seed(draw.index % 2**32)  # noqa: NPY002
        return super().forward(draw, p, x)


@caught_by("other_layers")
class RemembersTheLastMask(Standard):
    last: ClassVar[dict[str, Any]] = {}

    def forward(self, draw, p, x):
        self.last["keep"] = self.keep(draw, p, x.shape)
        return super().forward(draw, p, x)

    def backward(self, draw, p, dy):
        return self.select(self.last["keep"], dy, self.scale(p))


@caught_by("other_layers")
class CountsItsCalls(Standard):
    def forward(self, draw, p, x):
        object.__setattr__(self, "calls", getattr(self, "calls", 0) + 1)
        return super().forward(draw, p, x)


@caught_by("threads")
class SharedScratch(Standard):
    scratch: ClassVar[dict[str, Any]] = {}

    def forward(self, draw, p, x):
        self.scratch["x"] = x
        time.sleep(0)
        return super().forward(draw, p, self.scratch["x"])


@caught_by("threads")
class AnotherMaskInEachThread(Standard):
    def keep(self, draw, p, shape):
        main = threading.current_thread() is threading.main_thread()
        return keep_mask(shape, p, rng=draw if main else another(draw))


@caught_by("declaration", [1.0])
@dataclass(frozen=True)
class OptionWithoutHash(Standard):
    factors: Any = None


@caught_by("options", 2)
@dataclass(frozen=True)
class OptionAsItComes(Standard):
    width: int = 1


@caught_by("declaration")
class OptionWithoutDecorator(Standard):
    factor: float = 1.0
