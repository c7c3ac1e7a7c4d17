# The base class of the Runners for free variants and for inference: the variant's own code
# computes. The code gets read-only arrays, and its results are checked.

cimport numpy as cnp

import numpy as np

from dropcore._core.arguments cimport accepted, check_shape, dtype_of
from dropcore._core.outputs cimport delivered, put, target_for
from dropcore._core.table cimport FLOAT32, FLOAT64, Dtype
from dropcore.mask cimport Runner

from dropcore.variants.base import described


cdef class ComputingRunner(Runner):

    cdef object readable(self, cnp.ndarray array):
        # A read-only array in C order, float32 or float64: a view of `array`, or a copy if needed.
        cdef Dtype dtype = dtype_of(array)
        values = array
        if dtype != FLOAT32 and dtype != FLOAT64:
            values = array.astype(np.float32)
        view = np.require(values, requirements=["C", "A"]).view()
        view.flags.writeable = False
        return view

    cdef tuple all_readable(self, cnp.ndarray x, tuple others):
        # Checks that the further inputs have the shape and dtype of x.
        cdef cnp.ndarray array
        ready = [self.readable(x)]
        for name, value in zip(self.inputs[1:], others):
            array = accepted(name, value)
            check_shape(name, array, (<object> x).shape)
            if array.dtype != x.dtype:
                raise TypeError(f"{name} must have the dtype of x, {x.dtype}, not {array.dtype}")
            ready.append(self.readable(array))
        return tuple(ready)

    cdef object call(self, str method, tuple arguments):
        # Calls the variant's own code, with arrays that the code must not write.
        try:
            return getattr(self.variant, method)(*arguments)
        except ValueError as error:
            if "read-only" not in str(error):
                raise
            raise ValueError(
                f"{method} of variant {self.variant.name!r} must not write to its arguments: "
                f"{error}"
            ) from error

    cdef cnp.ndarray result(self, str method, object array, tuple shape):
        if isinstance(array, np.generic):  # NumPy's operations on 0-d arrays return scalars
            array = np.asarray(array)
        if not isinstance(array, np.ndarray) or array.shape != shape:
            raise TypeError(
                f"{method} of variant {self.variant.name!r} must give an array of shape {shape}, "
                f"not {described(array)}"
            )
        if array.dtype not in (np.float32, np.float64):
            raise TypeError(
                f"{method} of variant {self.variant.name!r} must give an array of the dtype it was "
                f"given, not {array.dtype}"
            )
        return array

    cdef object gradients(self, str method, cnp.ndarray dy, object gradient, object out):
        cdef cnp.ndarray target
        several = len(self.inputs) > 1
        if several != isinstance(gradient, tuple) or (
            several and len(gradient) != len(self.inputs)
        ):
            raise TypeError(
                f"{method} of variant {self.variant.name!r} must give a gradient for each of "
                f"{', '.join(self.inputs)}, not {described(gradient)}"
            )
        targets = [target_for("dy", dy, out) for _ in self.inputs]
        for target, each in zip(targets, gradient if several else (gradient,)):
            put(target, self.result(method, each, (<object> dy).shape))
        return tuple(targets) if several else delivered(targets[0], out)
