"""Writes a script that trains as the page does, and prints the same losses and addresses.

The script consists of the source of functions of this package, of fixed text, and of the `repr` of
validated values. Text that a person typed appears only in such values.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from typing import Any

from dropcore_lab import limits
from dropcore_lab.data import sources
from dropcore_lab.shapes import Column, columns, values_of
from dropcore_lab.spec import Spec

ACTIVATIONS = {"relu": "ReLU", "tanh": "Tanh", "sigmoid": "Sigmoid", "selu": "SELU"}
LOSSES = {
    "binary": "binary_cross_entropy_with_logits(outputs, y[:, None].astype(np.float32))",
    "classes": "cross_entropy(outputs, y)",
    "number": "((outputs - y[:, None]) * (outputs - y[:, None])).mean()",
}

HEAD = '''"""A network of the Lab: prints the losses and the masks' addresses that the page shows.

All digits are the same if NumPy and its linear algebra library are the same.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as in the Lab: threads may change rounding

import numpy as np

import dropcore
from dropcore.adapters.autograd import Dropout, seed
from dropcore.autograd import (
'''

TRAINING = '''

def loss_of(outputs, y):
    return {loss}


def measured(model, x, y):
    """The loss on all rows, dropout off."""
    if len(y) == 0:
        return float("nan")
    model.eval()
    with no_grad():
        pieces = [model(x[i : i + AT_ONCE]).data for i in range(0, len(x), AT_ONCE)]
    model.train()
    return float(loss_of(Tensor(np.concatenate(pieces)), y).item())


def report(name, step, losses, masks, model):
    print(
        f"{{name}} step {{step}}"
        f" training_on {{float(np.mean(losses)) if losses else float('nan')!r}}"
        f" training_off {{measured(model, *train)!r}}"
        f" validation_off {{measured(model, *validation)!r}}"
    )
    for mask in masks:
        print(f"  {{mask.draw}} p = {{mask.p}}")


for name, dropouts in RUNS:
    model = network(dropouts)
    seed(model, dropcore.Stream(SEED))  # every dropout gets a stream, by its module's name
    optimizer = {optimizer}
    batches = Batches(len(train[0]), BATCH, rng=SEED)
    step, losses = 0, []
    report(name, step, losses, [], model)
    while step < STEPS:
        for rows in batches:
            loss = loss_of(model(Tensor(train[0][rows])), train[1][rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            losses.append(float(loss.item()))
            if step % EVERY == 0:
                masks = [module.mask for module in dropouts.values()]  # of this training step
                report(name, step, losses, masks, model)
                losses = []
            if step == STEPS:
                break
'''


def script(spec: Spec, run: int | None) -> str:
    """Write the script.

    Parameters
    ----------
    spec : Spec
    run : int or None
        The number of the run; None: all runs, one after the other.
    """
    chosen = range(len(spec.runs)) if run is None else [run]
    parts = [
        HEAD,
        *(f"    {name},\n" for name in sorted(_imported(spec), key=_as_ruff_sorts)),
        ")\n",
        *_data(spec),
        *_settings(spec),
        *_runs(spec, chosen),
        *_network(spec),
        TRAINING.format(loss=LOSSES[spec.data.facts.task], optimizer=_optimizer(spec)),
    ]
    return "".join(parts)


def _as_ruff_sorts(name: str) -> tuple[int, str]:
    kind = 0 if name.isupper() else 1 if name[0].isupper() else 2
    return kind, name


def _imported(spec: Spec) -> set[str]:
    names = {"Batches", "Linear", "Sequential", "Tensor", "no_grad"}
    names.add({"adam": "Adam", "sgd": "SGD"}[spec.training.optimizer])
    task = spec.data.facts.task
    names |= {
        "binary": {"binary_cross_entropy_with_logits"},
        "classes": {"cross_entropy"},
        "number": set(),
    }[task]
    for layer in spec.layers:
        names |= {"Conv2d"} if layer.type == "conv" else set()
        names |= {"BatchNorm"} if layer.norm else set()
        names |= {ACTIVATIONS[layer.activation]} if layer.activation != "none" else set()
    if len(spec.data.facts.shape) > 1:
        names.add("Flatten")
    return names


# ------------------------------------------------------------------------- data


def _data(spec: Spec) -> Iterator[str]:
    data, facts = spec.data, spec.data.facts
    total = facts.rows + facts.validation
    wrong = data.values.get("wrong", 0)
    used: list[Any] = [data.dataset.source] if data.dataset.source is not None else []
    used += [sources.with_wrong] if wrong else []
    used += [sources.standardised] if data.dataset.standardise else []
    for function in used:
        yield "\n\n" + inspect.getsource(function)
    yield f"\n\nrng = np.random.default_rng({data.values.get('seed', 0)!r})\n"
    if data.dataset.source is not None:
        name = data.dataset.source.__name__
        yield f"x, y = {name}({total!r}, {data.values.get('noise', 0)!r}, rng)\n"
    else:
        yield from _literal_rows(spec)
    if wrong:
        yield f"y = with_wrong(y, {wrong!r}, {len(facts.classes)!r}, rng)\n"
    if data.dataset.standardise:
        yield f"x = standardised(x, {facts.rows!r})\n"
    kind = "np.float32" if facts.task == "number" else "np.intp"
    yield f"x, y = x.astype(np.float32), y.astype({kind})\n"
    yield f"train, validation = (x[:{facts.rows!r}], y[:{facts.rows!r}]), "
    yield f"(x[{facts.rows!r}:], y[{facts.rows!r}:])\n"


def _literal_rows(spec: Spec) -> Iterator[str]:
    parsed = spec.data.parsed()
    yield f"x = np.array({parsed.x.tolist()!r})\n"
    yield f"y = np.array({parsed.y.tolist()!r})\n"
    yield "order = rng.permutation(len(y))\nx, y = x[order], y[order]\n"
    if spec.data.facts.task == "number":
        yield f"y = standardised(y, {spec.data.facts.rows!r})\n"


# ---------------------------------------------------------------------- network


def _settings(spec: Spec) -> Iterator[str]:
    training = spec.training
    yield f"\nSEED = {training.seed!r}\nBATCH = {training.batch!r}\n"
    yield f"STEPS = {training.steps!r}\nEVERY = {training.every!r}\n"
    at_once = max(1, limits.VALUES // max(map(values_of, columns(spec))))
    yield f"AT_ONCE = {at_once!r}  # rows in a pass that does not train\n"


def _runs(spec: Spec, chosen: Any) -> Iterator[str]:
    yield "RUNS = [\n"
    for run in chosen:
        yield f"    ({spec.runs[run].name!r}, {{\n"
        for name, dropout in spec.of_run(run).items():
            arguments = [repr(dropout.p), repr(dropout.variant.name)]
            arguments += [f"{key}={value!r}" for key, value in dropout.variant.options().items()]
            yield f"        {name!r}: Dropout({', '.join(arguments)}),\n"
        yield "    }),\n"
    yield "]\n"


def _network(spec: Spec) -> Iterator[str]:
    yield '\n\ndef network(dropouts):\n    """Make the network; its first weights follow from the'
    yield ' seed."""\n    rng = np.random.default_rng(SEED)\n    return Sequential(\n'
    dropping = dict(spec.dropouts())
    image = len(spec.data.facts.shape) > 1
    for column in columns(spec):
        if image and len(column.shape) == 1:
            yield "        flatten=Flatten(),\n"
            image = False
        if column.type != "input":
            yield f"        {column.name}={_linear(column)},\n"
        if column.norm:
            yield f"        {column.name}_norm=BatchNorm({column.units!r}),\n"
        if column.activation != "none":
            yield f"        {column.name}_act={ACTIVATIONS[column.activation]}(),\n"
        if column.name in dropping:
            yield f"        {column.name}_drop=dropouts[{column.name!r}],\n"
    yield "    )\n"


def _linear(column: Column) -> str:
    if column.layer is None or column.type != "conv":
        return f"Linear({math.prod(column.before)!r}, {column.units!r}, rng=rng)"
    sizes = column.layer.sizes
    return (
        f"Conv2d({column.before[0]!r}, {column.units!r}, {sizes['kernel']!r}, "
        f"stride={sizes['stride']!r}, padding={sizes['padding']!r}, rng=rng)"
    )


def _optimizer(spec: Spec) -> str:
    training = spec.training
    decay = f"weight_decay={training.weight_decay!r}"
    if training.optimizer == "adam":
        return f"Adam(model.parameters(), {training.lr!r}, {decay})"
    momentum = f"momentum={training.momentum!r}"
    return f"SGD(model.parameters(), {training.lr!r}, {momentum}, {decay})"
