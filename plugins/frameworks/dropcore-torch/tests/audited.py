"""What the tests of `audit` share: a model, an input, and a short form of the result."""

import torch
from dropcore_torch import audit
from torch import nn

X = torch.ones(2, 3, 4)


class Through(nn.Module):
    """A model that applies one function to its input and its modules."""

    def __init__(self, function, **modules):
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.ones(()))
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.function(self, x * self.weight)


def found(model, *inputs, **named):
    return [
        (call.by, call.what, call.module, call.p, call.elements)
        for call in audit(model, *inputs, **named).calls
    ]


X = torch.ones(2, 3, 4)
