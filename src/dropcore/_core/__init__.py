"""The core: kernels, masks and memory, with nothing of Python objects but arrays.

`DROPCORE_CHECKS=1` puts functions that look at their arguments in the place of the exported ones,
for every module that is imported after this one.
"""

import os

_checks = os.environ.get("DROPCORE_CHECKS", "")
if _checks not in ("", "0", "1"):
    raise RuntimeError(f"DROPCORE_CHECKS={_checks!r}: accepted are 0 and 1, or leave it unset")
if _checks == "1":
    from dropcore._core import api, checked

    api.__pyx_capi__.update(checked.__pyx_capi__)
