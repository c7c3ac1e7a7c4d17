from typing import Final

ACCEPTED: Final[str]
