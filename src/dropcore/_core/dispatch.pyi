from typing import Final

isa: Final[str]
has_nontemporal: Final[bool]

def isas_built() -> tuple[str, ...]: ...
def isas_available() -> tuple[str, ...]: ...
