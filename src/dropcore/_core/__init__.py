"""The compiled core: kernels over the memory of arrays; keys, layouts, threads, checks.

This package knows nothing of streams, variants and masks. `DROPCORE_CHECKS=1` replaces the exported
functions by functions that check their arguments, for each module that is imported afterwards.
"""

import os

_checks = os.environ.get("DROPCORE_CHECKS", "")
if _checks not in ("", "0", "1"):
    raise RuntimeError(f"DROPCORE_CHECKS must be 0, 1 or unset, not {_checks!r}")
checks_on = _checks == "1"
if checks_on:
    from dropcore._core import api, checked

    api.__pyx_capi__.update(checked.__pyx_capi__)
