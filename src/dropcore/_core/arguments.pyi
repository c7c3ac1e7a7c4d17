from typing import Final

ACCEPTED: Final[str]

def integer_of(name: str, value: object, what: str) -> int: ...
