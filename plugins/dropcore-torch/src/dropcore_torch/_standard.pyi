from torch import Tensor

from dropcore_torch.source import Source

def dropout(x: Tensor, p: float, source: Source, inplace: bool) -> Tensor | None: ...
