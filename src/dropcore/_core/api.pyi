from typing import Final

# All that the module exports, as capsules, by name; put there by Cython.
__pyx_capi__: Final[dict[str, object]]
