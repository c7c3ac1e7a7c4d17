from typing import Final

# The functions with checks, as capsules, by the names that `api` has; put there by Cython.
__pyx_capi__: Final[dict[str, object]]
