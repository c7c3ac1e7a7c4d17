from torch import Tensor

from dropcore_torch.rule import Rule
from dropcore_torch.source import Source

def dropout(
    x: Tensor, p: float, training: bool, inplace: bool, rule: Rule, source: Source
) -> Tensor | None: ...
