from typing import Final

isa: Final[str]
fills_lines: Final[bool]

def isas_built() -> tuple[str, ...]: ...
def isas_available() -> tuple[str, ...]: ...
