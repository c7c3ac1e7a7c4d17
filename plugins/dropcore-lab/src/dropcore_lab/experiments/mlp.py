"""A multilayer perceptron in plain NumPy, with hand-written forward and backward passes.

Every layer has two functions: ``layer(x)`` computes the output, and stores the values that its
gradient needs; ``layer.backward(dy)`` takes the gradient of the loss with respect to the output and
returns the gradient with respect to the input. `dropcore.Dropout` has the two functions, so it is
used like any other layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray

import dropcore
from dropcore_lab.experiments.data import Split, batches
from dropcore_lab.experiments.figures import Run

Floats = NDArray[Any]
Labels = NDArray[np.intp]


class Layer(Protocol):
    """The interface of a layer."""

    def __call__(self, x: Floats) -> Floats:
        """Forward: the output for `x`."""

    def backward(self, dy: Floats) -> Floats:
        """Backward: the gradient for the last `x`, from the gradient for its output."""


class Linear:
    """``y = x @ weight + bias``, with initial weights by He et al. (2015, section 2.2)."""

    def __init__(
        self, n_in: int, n_out: int, rng: np.random.Generator, dtype: DTypeLike = np.float32
    ) -> None:
        self.weight = (rng.standard_normal((n_in, n_out)) * np.sqrt(2 / n_in)).astype(dtype)
        self.bias = np.zeros(n_out, dtype)
        self.d_weight = np.zeros_like(self.weight)
        self.d_bias = np.zeros_like(self.bias)
        self._x: Floats | None = None

    def __call__(self, x: Floats) -> Floats:
        """Return y, and keep `x` for the gradient of the weights."""
        self._x = x
        y: Floats = x @ self.weight
        y += self.bias
        return y

    def backward(self, dy: Floats) -> Floats:
        """Set `d_weight` and `d_bias`, and return the gradient for `x`."""
        assert self._x is not None, "backward comes after a forward"
        np.matmul(self._x.T, dy, out=self.d_weight)
        np.sum(dy, axis=0, out=self.d_bias)
        dx: Floats = dy @ self.weight.T
        return dx


class Relu:
    """``y = max(x, 0)``."""

    def __init__(self) -> None:
        self._y: Floats | None = None

    def __call__(self, x: Floats) -> Floats:
        """Return y, and keep y for the gradient, which is 0 where y is 0."""
        self._y = np.maximum(x, 0)
        return self._y

    def backward(self, dy: Floats) -> Floats:
        """Return the gradient for `x`."""
        assert self._y is not None, "backward comes after a forward"
        return dy * (self._y > 0)


class Mlp:
    """Linear, relu and dropout, once for each hidden width; then a linear layer to the classes.

    Parameters
    ----------
    sizes : sequence of int
        Features, hidden widths, classes: ``(64, 512, 512, 10)``.
    p : float
        Probability that a hidden unit is dropped in training.
    stream : dropcore.Stream
        The source of the masks. Each dropout layer takes the child with the name of its place, so
        the masks of a layer do not depend on the number of layers.
    rng : numpy.random.Generator
        The source of the initial weights.
    dtype : dtype-like
        The dtype of weights, activations and gradients.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        p: float,
        *,
        stream: dropcore.Stream,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.layers: list[Layer] = []
        self.dropouts: list[dropcore.Dropout] = []
        for place, (n_in, n_out) in enumerate(pairwise(sizes[:-1]), start=1):
            dropout = dropcore.Dropout(p, rng=stream.child(f"drop{place}"))
            self.dropouts.append(dropout)
            self.layers += [Linear(n_in, n_out, rng, dtype), Relu(), dropout]
        self.layers.append(Linear(sizes[-2], sizes[-1], rng, dtype))

    def __call__(self, x: Floats) -> Floats:
        """Run the layers forward: `x` of shape (rows, features) gives (rows, classes)."""
        for layer in self.layers:
            x = layer(x)
        return x

    def backward(self, dy: Floats) -> Floats:
        """Run the layers backward, to compute the gradient of every parameter."""
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def train(self) -> None:
        """Set training mode: units are dropped."""
        for dropout in self.dropouts:
            dropout.train()

    def eval(self) -> None:
        """Set inference mode: every unit is used."""
        for dropout in self.dropouts:
            dropout.eval()

    def parameters(self) -> Iterator[tuple[Floats, Floats]]:
        """Yield each parameter with the array of its gradient."""
        for layer in self.layers:
            if isinstance(layer, Linear):
                yield layer.weight, layer.d_weight
                yield layer.bias, layer.d_bias


class Momentum:
    """Stochastic gradient descent with momentum: ``v = momentum*v + g``, ``w = w - lr*v``."""

    def __init__(self, network: Mlp, lr: float, momentum: float = 0.9) -> None:
        self.lr = lr
        self.momentum = momentum
        self._slots = [(w, g, np.zeros_like(w)) for w, g in network.parameters()]

    def step(self) -> None:
        """Move every parameter against its gradient."""
        for weight, gradient, velocity in self._slots:
            velocity *= self.momentum
            velocity += gradient
            weight -= self.lr * velocity


def cross_entropy(logits: Floats, labels: Labels) -> tuple[float, Floats]:
    """Return the mean cross-entropy of softmax(logits) with labels, and the logits' gradient."""
    rows = np.arange(len(labels))
    shifted = logits - logits.max(axis=1, keepdims=True)  # exp cannot overflow then
    exps = np.exp(shifted)
    sums = exps.sum(axis=1, keepdims=True)
    loss = float(np.mean(np.log(sums[:, 0]) - shifted[rows, labels]))
    gradient = exps / sums
    gradient[rows, labels] -= 1
    gradient /= len(labels)
    return loss, gradient


def build(
    sizes: Sequence[int],
    p: float,
    lr: float,
    *,
    stream: dropcore.Stream,
    rng: np.random.Generator,
) -> tuple[Mlp, Momentum]:
    """Make a network and its optimiser."""
    network = Mlp(sizes, p, stream=stream, rng=rng)
    return network, Momentum(network, lr)


def train_epoch(
    network: Mlp,
    optimiser: Momentum,
    x: Floats,
    labels: Labels,
    *,
    batch: int,
    rng: np.random.Generator,
) -> None:
    """Train on every row once, in shuffled batches, dropout on."""
    network.train()
    for rows in batches(len(x), batch, rng):
        _, gradient = cross_entropy(network(x[rows]), labels[rows])
        network.backward(gradient)
        optimiser.step()


def figures(answer: Callable[[Floats], Floats], split: Split) -> Run:
    """Measure both losses, and the accuracy on new rows, of the predictions by `answer`."""
    train_loss, _ = cross_entropy(answer(split.train_x), split.train_labels)
    logits = answer(split.val_x)
    val_loss, _ = cross_entropy(logits, split.val_labels)
    return train_loss, val_loss, float(np.mean(logits.argmax(axis=1) == split.val_truth))


def predict(network: Mlp, x: Floats) -> Floats:
    """Compute the logits in inference, where every unit is used."""
    network.eval()
    return network(x)
