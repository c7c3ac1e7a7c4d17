from typing import Final

MIB: Final[int]
LARGEST_OF_A_COMPLEX: Final[int]
MESH: Final[int]
NEVER: Final[int]

def default_from(cache: int, amd: bool) -> int: ...
def get_nontemporal_from() -> int | None: ...
def set_nontemporal_from(nbytes: int) -> int: ...
