from typing import Final

handler: Final[object]
