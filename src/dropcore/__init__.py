"""Dropout done right on the CPU.

`dropout` and `keep_mask` are the functions, and `Dropout` is the layer. `Stream` and `Draw`
determine the decisions; `Mask` holds the decisions of one call. All names in `__all__` are public.
"""

from typing import TYPE_CHECKING, Any

from dropcore._core.api import __pyx_capi__ as _CORE
from dropcore._core.threads import get_num_threads, num_threads, set_num_threads
from dropcore._version import __version__
from dropcore.adapters.numpy import Dropout
from dropcore.c_api import _C_API as _C_API  # for dropcore.h
from dropcore.draw import STREAM_VERSION, Draw
from dropcore.functional import dropout, keep_mask
from dropcore.hookspecs import hookimpl
from dropcore.mask import Mask
from dropcore.plugins import PluginWarning, get_variant, variant_names
from dropcore.rng import RNGLike, stream_of
from dropcore.rng import __pyx_capi__ as _RNG
from dropcore.stream import Stream
from dropcore.variants.base import (
    DecidingVariant,
    FreeVariant,
    Plan,
    PlannedVariant,
    Variant,
    axes_option,
    axis_option,
    bool_option,
    integer_option,
    kept_scale,
    real_option,
)

if TYPE_CHECKING:
    from dropcore import autograd, core, ensemble, testing
    from dropcore.findings import advise

__all__ = [
    "STREAM_VERSION",
    "DecidingVariant",
    "Draw",
    "Dropout",
    "FreeVariant",
    "Mask",
    "Plan",
    "PlannedVariant",
    "PluginWarning",
    "RNGLike",
    "Stream",
    "Variant",
    "__version__",
    "advise",
    "autograd",
    "axes_option",
    "axis_option",
    "bool_option",
    "core",
    "dropout",
    "ensemble",
    "get_include",
    "get_num_threads",
    "get_variant",
    "hookimpl",
    "integer_option",
    "keep_mask",
    "kept_scale",
    "num_threads",
    "real_option",
    "set_num_threads",
    "stream_of",
    "testing",
    "variant_names",
]

# The exported functions by name, for numba and ctypes.
__pyx_capi__ = {**_CORE, "dropcore_draw_of": _RNG["dropcore_draw_of"]}

_ON_FIRST_USE = ("advise", "autograd", "core", "ensemble", "testing")


def get_include() -> str:
    """The folder for the include path of C compilers, and of Cython for `cimport`.

    Returns
    -------
    str
        It contains ``dropcore/dropcore.h`` and ``dropcore/__init__.pxd``.

    Examples
    --------
    >>> import dropcore, os
    >>> os.path.isfile(os.path.join(dropcore.get_include(), "dropcore", "dropcore.h"))
    True
    """
    from pathlib import Path

    return str(Path(__file__).resolve().parent.parent)


def __getattr__(name: str) -> Any:
    if name == "advise":  # a submodule of this name would replace the function after its import
        from dropcore.findings import advise

        return advise
    if name in _ON_FIRST_USE:
        from importlib import import_module

        return import_module(f"dropcore.{name}")
    raise AttributeError(f"module 'dropcore' has no attribute {name!r}")


def __dir__() -> list[str]:  # for completion: the public names
    return sorted({*__all__, "adapters", *(name for name in globals() if name[:2] == "__")})
