from typing import Final

_C_API: Final[object]
