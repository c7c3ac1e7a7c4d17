from typing import Final

isa: Final[str]
has_nontemporal: Final[bool]
compiler: Final[str]

def isas_built() -> tuple[str, ...]: ...
def isas_available() -> tuple[str, ...]: ...
