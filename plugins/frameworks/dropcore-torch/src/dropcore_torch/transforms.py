"""Who looks on at a call: compilers and modes, which see operators alone, and transforms.

torch.func's transforms, and the batched derivatives made of them, have no rule here.
"""

from __future__ import annotations

import torch

PLAIN = (torch.Tensor, torch.nn.Parameter)  # no wrapper

modes = torch._C._len_torch_dispatch_stack
function_mode_enabled = torch._C._is_torch_function_mode_enabled
tracing_state = torch._C._get_tracing_state
in_transform = torch._C._are_functorch_transforms_active
is_batched = torch._C._functorch.is_legacy_batchedtensor

NO_RULE = (
    "dropout has no rule for torch.func's transforms (grad, vmap, jvp and their kin), nor for "
    "batched derivatives (vectorize, is_grads_batched): take derivatives one by one by "
    "torch.autograd, or use PyTorch's own dropout there"
)
