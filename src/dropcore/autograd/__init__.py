"""A minimal reverse-mode automatic differentiation engine on NumPy arrays.

A `Tensor` is an array with a record of how it was computed. `Tensor.backward` goes through this
record from the newest result to the oldest and applies the chain rule. Dropout for the engine is in
`dropcore.adapters.autograd`, because the engine does not depend on dropout. The files, lowest
first:

- ``arguments.py``: checks of arguments;
- ``gradients.py``: the gradients of a backward pass, and which gradients may be overwritten;
- ``tape.py``: the engine: what is recorded, and how gradients flow back through it;
- ``protocols.py``: the protocols of Python and NumPy on a tensor's values, without a gradient;
- ``tensor.py``: `Tensor` with NumPy's arithmetic, each operation next to its gradient rule, and
  `apply_op`, by which any package puts an operation of its own on the tape;
- ``ops.py``, ``conv.py``, ``norm.py``, ``losses.py``: more operations, each next to its gradient
  rule;
- ``state.py``: how modules, optimisers and batches save and load their state;
- ``members.py``, ``module.py``, ``nn.py``: the parts of a module by name, modules, and layers;
- ``optim.py``, ``batches.py``: optimisers, mini-batches in random order;
- ``contexts.py``: context managers that set inference mode, or intercept the calls of modules;
- ``finite_differences.py``: the gradient checker.

Decisions:

(a) Gradient rules work on arrays, not on tensors. So the rules are short and fast, and the engine
    computes first derivatives only: a gradient is a plain array with no history.
(b) float32 and float64 only. A number in an operation with a tensor takes the dtype of the
    tensor.
(c) Broadcasting is undone, and dtypes are matched, in one place for every rule (``Node.fit``).
(d) A rule gets its gradient argument writeable or read-only. Writeable: no other reference to the
    array exists (``gradients.py``), and the rule may overwrite the array. Read-only: other
    references exist. The rule returns, without a copy, the argument, a view of the argument, or an
    array of the rule's own. The engine never writes to an array that is still referenced elsewhere.
(e) The tape holds rules, and through them the arrays that they need, but not the results. A result
    that neither a rule nor the user needs is freed during the forward pass.
(f) The tape is not consumed: `backward` may run again, and memory is freed with the last
    reference to the result. Arrays are not versioned: do not write to ``.data`` of a tensor
    between the forward pass that used the tensor and the backward pass. An optimiser's step writes
    to ``.data``.

Examples
--------
>>> import numpy as np
>>> from dropcore.autograd import Adam, Linear, ReLU, Sequential, cross_entropy
>>> rng = np.random.default_rng(0)
>>> x = rng.normal(size=(200, 2)).astype(np.float32)
>>> labels = (x[:, 0] * x[:, 1] > 0).astype(int)
>>> model = Sequential(hidden=Linear(2, 32, rng=rng), act=ReLU(), out=Linear(32, 2, rng=rng))
>>> optimiser = Adam(model.parameters(), lr=0.03)
>>> for _ in range(100):
...     loss = cross_entropy(model(x), labels)
...     optimiser.zero_grad()
...     loss.backward()
...     optimiser.step()
>>> bool((model(x).data.argmax(axis=1) == labels).mean() > 0.95)
True
"""

from dropcore.autograd.batches import Batches
from dropcore.autograd.conv import conv2d
from dropcore.autograd.finite_differences import gradcheck
from dropcore.autograd.losses import binary_cross_entropy_with_logits, cross_entropy
from dropcore.autograd.module import Module, Sequential
from dropcore.autograd.nn import (
    SELU,
    BatchNorm,
    Conv2d,
    Flatten,
    Linear,
    ReLU,
    Sigmoid,
    Tanh,
)
from dropcore.autograd.norm import batch_norm
from dropcore.autograd.ops import exp, log, log_softmax, relu, selu, sigmoid, softmax, tanh
from dropcore.autograd.optim import SGD, Adam, Optimizer
from dropcore.autograd.tape import no_grad
from dropcore.autograd.tensor import Tensor, apply_op, as_tensor

__all__ = [
    "SELU",
    "SGD",
    "Adam",
    "BatchNorm",
    "Batches",
    "Conv2d",
    "Flatten",
    "Linear",
    "Module",
    "Optimizer",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "Tensor",
    "apply_op",
    "as_tensor",
    "batch_norm",
    "binary_cross_entropy_with_logits",
    "conv2d",
    "cross_entropy",
    "exp",
    "gradcheck",
    "log",
    "log_softmax",
    "no_grad",
    "relu",
    "selu",
    "sigmoid",
    "softmax",
    "tanh",
]


def __dir__() -> list[str]:  # for completion: the public names
    return sorted(__all__)
