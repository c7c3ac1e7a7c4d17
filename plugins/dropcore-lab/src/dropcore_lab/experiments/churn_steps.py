"""One training step of the 2-4-1 network with every intermediate number.

Inputs and initial weights have one digit, so that the other numbers can be checked with a pocket
calculator. The numbers are computed in float64, and printed with four digits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

import dropcore
from dropcore.adapters.autograd import dropout
from dropcore.autograd import (
    Tensor,
    as_tensor,
    binary_cross_entropy_with_logits,
    relu,
    sigmoid,
)
from dropcore_lab.experiments import terminal

if TYPE_CHECKING:
    from rich.console import Console

CUSTOMERS = ("A", "B", "C", "D", "E")
INPUTS = np.array([[0.1, 0.2], [0.9, 0.8], [0.2, 0.9], [0.7, 0.1], [0.4, 0.5]])
"""Usage and tenure of each customer, scaled to [0, 1]."""
CHURNED = np.array([[1.0], [0.0], [1.0], [0.0], [1.0]])
UNITS = 4
WEIGHT1 = np.array([[0.8, -0.6, 0.4, -0.3], [-0.5, 0.7, 0.6, -0.4]])
BIAS1 = np.array([0.1, 0.2, -0.2, 0.5])
WEIGHT2 = np.array([[-0.9], [0.6], [0.3], [0.8]])
BIAS2 = np.array([0.1])


@dataclass(frozen=True)
class Step:
    """All numbers of one training step; `gradients` has the gradients of the loss.

    Attributes
    ----------
    draw : str
        The draw of the mask, as text: key and index.
    keep : bool array, shape (5, 4)
    before, hidden, dropped : arrays, shape (5, 4)
        Before relu, after relu, and after dropout.
    logit, churn : arrays, shape (5, 1)
        Before and after the sigmoid.
    without : array, shape (5, 1)
        The output of the sigmoid in inference, where every unit is used.
    loss : float
    gradients : dict of str to array
        The gradients of dropped, hidden, before, logit, weight1, bias1, weight2, bias2.
    """

    p: float
    draw: str
    keep: NDArray[Any]
    before: NDArray[Any]
    hidden: NDArray[Any]
    dropped: NDArray[Any]
    logit: NDArray[Any]
    churn: NDArray[Any]
    without: NDArray[Any]
    loss: float
    gradients: dict[str, NDArray[Any]]


def take(p: float, seed: int) -> Step:
    """Run the step with the first draw of the stream of `seed`."""
    draw = dropcore.Stream(seed).child("drop").draw()
    starts = {"weight1": WEIGHT1, "bias1": BIAS1, "weight2": WEIGHT2, "bias2": BIAS2}
    w = {name: Tensor(start.copy(), requires_grad=True) for name, start in starts.items()}

    before = as_tensor(INPUTS) @ w["weight1"] + w["bias1"]
    hidden = relu(before)
    dropped = dropout(hidden, p, training=True, rng=draw)
    logit = dropped @ w["weight2"] + w["bias2"]
    loss = binary_cross_entropy_with_logits(logit, CHURNED)

    results = {"before": before, "hidden": hidden, "dropped": dropped, "logit": logit}
    for result in results.values():
        result.retain_grad()
    loss.backward()
    gradients = {name: t.grad for name, t in (results | w).items() if t.grad is not None}
    return Step(
        p,
        str(draw),
        dropcore.keep_mask(hidden.shape, p, rng=draw),
        before.data,
        hidden.data,
        dropped.data,
        logit.data,
        sigmoid(logit).data,
        sigmoid(hidden @ w["weight2"] + w["bias2"]).data,
        loss.item(),
        gradients,
    )


def show(out: Console, step: Step, lr: float) -> None:
    """Print the step: forward, mask, loss, gradients, new weights."""
    _show_start(out)
    _show_forward(out, step)
    _show_backward(out, step, lr)


def _show_start(out: Console) -> None:
    terminal.table(
        out,
        "1. Five customers, made up",
        ("customer", "usage", "tenure", "churned"),
        [
            (name, *map(_short, x), f"{churned:g}")
            for name, x, (churned,) in zip(CUSTOMERS, INPUTS, CHURNED, strict=True)
        ],
        caption="Scaled to lie between 0 and 1.",
        names=1,
    )
    _units(
        out,
        "2. The first weights",
        "weight",
        [("from usage", WEIGHT1[0]), ("from tenure", WEIGHT1[1]), ("bias", BIAS1)],
        f"From units 1 to {UNITS} to the output: {', '.join(map(_short, WEIGHT2[:, 0]))}; "
        f"output bias: {BIAS2[0]:g}.",
        _short,
    )


def _show_forward(out: Console, step: Step) -> None:
    by_customer = list(zip(CUSTOMERS, step.before, strict=True))
    sums = "usage x its weight + tenure x its weight + bias"
    _units(out, "3. In front of relu", "customer", by_customer, sums)
    hidden = list(zip(CUSTOMERS, step.hidden, strict=True))
    _units(
        out, "4. Behind relu: below 0 becomes 0", "customer", hidden, "max(0, number in table 3)"
    )
    scale = 1 / (1 - step.p) if step.p < 1 else 0.0
    terminal.table(
        out,
        f"5. Behind dropout, p = {step.p:g}",
        ("customer", *_unit_names()),
        [
            (name, *(_number(v) if k else "dropped" for v, k in zip(values, keep, strict=True)))
            for name, values, keep in zip(CUSTOMERS, step.dropped, step.keep, strict=True)
        ],
        caption=f"A kept unit is multiplied by 1 / (1 - p) = {scale:.4f}; a dropped unit is 0.\n"
        "Each customer passes through a sub-network of its own. The draw of the mask, as "
        f"text:\n{step.draw}",
        names=1,
    )
    losses = -np.log(np.where(CHURNED == 1, step.churn, 1 - step.churn))
    columns = (step.logit, step.churn, CHURNED, losses, step.without)
    terminal.table(
        out,
        "6. The output",
        ("customer", "sum", "sigmoid", "churned", "loss", "without dropout"),
        [
            (name, *(_number(column[i, 0]) for column in columns))
            for i, name in enumerate(CUSTOMERS)
        ],
        caption="Sum: each unit of table 5 times its weight to the output, added up, plus the "
        "output bias. Loss: -log(sigmoid) if churned is 1, otherwise -log(1 - sigmoid); the mean "
        f"loss is {step.loss:.4f}. Without dropout: the sigmoid in inference, from the units of "
        "table 4.",
        names=1,
    )


def _show_backward(out: Console, step: Step, lr: float) -> None:
    g = step.gradients
    terminal.table(
        out,
        "7. Backward: the gradients of the mean loss at the sum and behind dropout",
        ("customer", "at the sum", *_unit_names()),
        [
            (name, _number(at[0]), *map(_number, units))
            for name, at, units in zip(CUSTOMERS, g["logit"], g["dropped"], strict=True)
        ],
        caption="At the sum: (sigmoid - churned) / 5. "
        "Behind dropout, at a unit: the gradient at the sum * the weight from the unit to the "
        "output.",
        names=1,
    )
    by_customer = list(zip(CUSTOMERS, g["before"], strict=True))
    caption = "The number of table 7 * 1 / (1 - p); 0 if the unit was dropped or relu gave 0."
    title = "8. The gradients in front of relu and dropout"
    _units(out, title, "customer", by_customer, caption)
    _units(
        out,
        "9. The gradients of the weights",
        "weight",
        [
            ("from usage", g["weight1"][0]),
            ("from tenure", g["weight1"][1]),
            ("bias", g["bias1"]),
            ("to the output", g["weight2"][:, 0]),
        ],
        "Each gradient is a sum over the customers. From usage, from tenure: input * gradient of "
        "table 8. Bias: gradient of table 8. To the output: unit of table 5 * gradient at the sum "
        "(table 7). If you add the rounded numbers above, the last digit may differ.\n"
        f"Output bias: {g['bias2'][0]:.4f}, the sum of the column 'at the sum' of table 7. The "
        f"step then subtracts {lr:g} * gradient from each weight and bias.",
    )


def _units(
    out: Console,
    title: str,
    first: str,
    rows: list[tuple[str, NDArray[Any]]],
    caption: str,
    write: Any = None,
) -> None:
    """Print a table with a column for each hidden unit."""
    write = write or _number
    cells = [(name, *map(write, values)) for name, values in rows]
    terminal.table(out, title, (first, *_unit_names()), cells, caption=caption, names=1)


def _unit_names() -> list[str]:
    return [f"unit {unit}" for unit in range(1, UNITS + 1)]


def _number(value: float) -> str:
    return f"{value:zg}" if value in (0, 1) else f"{value:z.4f}"


def _short(value: float) -> str:
    return f"{value:z.1f}"
