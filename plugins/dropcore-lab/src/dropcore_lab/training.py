"""Training of several runs, step by step, with measurements.

All runs have the same initial weights, the same batches and the same streams. Each dropout takes
one draw in a step, so the draw index of a mask is the number of its step. The result of a step
depends only on the specification and the number of the step, not on pauses or on what the page
shows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import dropcore
from dropcore.autograd import Batches, Tensor
from dropcore_lab import build, data, limits, passes
from dropcore_lab.data import Array, Part
from dropcore_lab.passes import Pass
from dropcore_lab.shapes import columns, values_of
from dropcore_lab.spec import Spec

PLATEAU_POINTS = 40
PLATEAU_CHANGE = 1e-3


@dataclass(frozen=True)
class NotFinite:
    """The place where values were first not finite."""

    run: int
    column: str
    weights: bool


@dataclass(frozen=True)
class Measured:
    """Losses and accuracy of one run at one step; nan where there is no value."""

    step_loss: float
    training_on: float
    training_off: float
    validation_off: float
    accuracy: float


@dataclass
class Shown:
    """The step that is shown.

    Attributes
    ----------
    step : int
    rows : array
        The numbers of the training rows in the batch of the step.
    passes : list of Pass
        The pass of the step, for each run.
    before : list of dict
        The state at the beginning of the step, for each run; empty for a preview.
    """

    step: int
    rows: Array
    passes: list[Pass]
    before: list[dict[str, Any]] = field(default_factory=list)
    points: int = 0


class Network:
    """One of the runs: a model, its optimiser, and counts."""

    def __init__(self, spec: Spec, run: int) -> None:
        self.model = build.model(spec, run)
        self.optimizer = build.optimizer(spec, self.model)
        self.task = spec.data.facts.task
        self.drops = passes.dropouts(self.model)
        units = {column.name: column.units for column in columns(spec)}
        self.kept = {name: np.zeros(units[name], np.int64) for name in self.drops}
        self.decided = dict.fromkeys(self.drops, 0)
        self.step_loss = math.nan
        self.training_on = math.nan  # the mean of the losses before the last measurement
        self.losses: list[float] = []  # the losses of the steps since the last point

    @property
    def drops_anything(self) -> bool:
        """Whether any dropout module of the network can drop."""
        return any(module.p > 0 for module in self.drops.values())

    def learn(self, x: Array, y: Array) -> float:
        """Compute forward and backward; the weights do not change."""
        self.model.train()
        loss = build.loss_of(self.task, self.model(Tensor(x)), y)
        self.optimizer.zero_grad()
        loss.backward()
        return float(loss.item())

    def update(self, loss: float) -> None:
        """Change the weights, and update the counts."""
        self.optimizer.step()
        self.step_loss = loss
        self.losses.append(loss)
        for name, module in self.drops.items():
            self._count(name, module.mask)

    def _count(self, name: str, mask: dropcore.Mask | None) -> None:
        assert mask is not None, "forward sets the mask"
        if not passes.decides(mask.variant):
            return
        keep = mask.keep
        units = keep.sum(axis=(0, *range(2, keep.ndim)))
        self.kept[name] += units
        self.decided[name] += keep.size // keep.shape[1]

    def counted(self, name: str) -> Array | None:
        """The number of times that each unit of a column was kept; None without decisions."""
        drop = self.drops.get(name)
        return self.kept[name] if drop is not None and passes.decides(drop.variant) else None

    def state(self) -> dict[str, Any]:
        """Return the complete state for the next steps, and the counts."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "kept": {name: kept.copy() for name, kept in self.kept.items()},
            "decided": dict(self.decided),
            "losses": list(self.losses),
            "step_loss": self.step_loss,
            "training_on": self.training_on,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a state that `state` returned."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.kept = {name: kept.copy() for name, kept in state["kept"].items()}
        self.decided = dict(state["decided"])
        self.losses = list(state["losses"])
        self.step_loss, self.training_on = state["step_loss"], state["training_on"]


class Training:
    """All runs of a specification.

    Attributes
    ----------
    spec : Spec
        Only the number of steps and the names of the runs may change.
    rows : Rows
    networks : list of Network
    step : int
        The number of steps done.
    steps : list of int
        The steps at which losses were measured.
    points : list of list of Measured
        The measurements at each of `steps`, for each run.
    shown : Shown
    not_finite : NotFinite or None
    """

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self.rows = data.load(spec.data)
        self.at_once = max(1, limits.VALUES // max(map(values_of, columns(spec))))
        training = spec.training
        self.batches = Batches(len(self.rows.train), training.batch, rng=training.seed)
        self._epoch: tuple[int, list[Array]] = (-1, [])
        self.networks = [Network(spec, run) for run in range(len(spec.runs))]
        self.step = 0
        self.not_finite: NotFinite | None = None
        self.steps: list[int] = []
        self.points: list[list[Measured]] = []
        self._measure_point()
        self.shown = self.preview(0)

    # ------------------------------------------------------------------ steps

    @property
    def finished(self) -> bool:
        """Whether all steps are done."""
        return self.step >= self.spec.training.steps

    def rows_at(self, step: int) -> Array:
        """Return the numbers of the training rows in the batch of a step."""
        epoch, place = divmod(step, len(self.batches))
        if self._epoch[0] != epoch:
            state = self.batches.state_dict() | {"epoch": epoch, "place": 0}
            self.batches.load_state_dict(state)
            self._epoch = (epoch, list(self.batches))
        return self._epoch[1][place]

    def advance(self, *, show: bool) -> None:
        """Train for a step, and record it if it will be shown.

        If a loss is not finite, no weight changes, and `not_finite` names the first such place.
        """
        rows = self.rows_at(self.step)
        x, y = self.rows.train.x[rows], self.rows.train.y[rows]
        before = [network.state() for network in self.networks] if show else []
        seen: list[Pass] = []
        losses = []
        for network in self.networks:
            if show:
                with passes.recorded(network.model, x) as activations:
                    losses.append(network.learn(x, y))
                seen.append(_pass_of(network, activations))
            else:
                losses.append(network.learn(x, y))
        if not all(map(math.isfinite, losses)):
            self._fail(losses)
            return
        points = len(self.points)
        for network, loss in zip(self.networks, losses, strict=True):
            network.update(loss)
        self.step += 1
        if self.step % self.spec.training.every == 0:
            self._measure_point()
        if show:
            self.shown = Shown(self.step - 1, rows, seen, before, points)

    def again(self) -> dict[str, bool] | None:
        """Take the shown step again, from the state at its beginning.

        Returns
        -------
        dict or None
            Whether losses and masks are the same to the bit; None if no step is shown.
        """
        shown = self.shown
        if not shown.before:
            return None
        losses = [network.step_loss for network in self.networks]
        compare_losses = self.step == shown.step + 1
        for network, state in zip(self.networks, shown.before, strict=True):
            network.restore(state)
        self.step = shown.step
        self.not_finite = None
        del self.steps[shown.points :], self.points[shown.points :]
        self.advance(show=True)
        now = [network.step_loss for network in self.networks]
        return {
            "losses": now == losses or not compare_losses,
            "masks": all(
                same_masks(one, other)
                for one, other in zip(shown.passes, self.shown.passes, strict=True)
            ),
        }

    def preview(self, step: int) -> Shown:
        """Compute a step with the present weights, without changing anything."""
        rows = self.rows_at(step)
        x = self.rows.train.x[rows]
        seen = [passes.of_step(network.model, x, step) for network in self.networks]
        return Shown(step, rows, seen, points=len(self.points))

    def _fail(self, losses: list[float]) -> None:
        self.shown = self.preview(self.step)
        run = next(run for run, loss in enumerate(losses) if not math.isfinite(loss))
        self.not_finite = NotFinite(run, *self._first_not_finite(run))

    def _first_not_finite(self, run: int) -> tuple[str, bool]:
        """The first column with a value that is not finite; whether its weights are the cause."""
        model = self.networks[run].model
        for name, activation in self.shown.passes[run].activations.items():
            if not np.isfinite(activation).all():
                parameters = [
                    parameter.data
                    for module, parameter in model.named_parameters()
                    if passes.column_of(module.partition(".")[0]) == name
                ]
                return name, not all(np.isfinite(each).all() for each in parameters)
        return "output", False  # the outputs are finite, their loss is not

    # --------------------------------------------------------------- measuring

    def measure(self, network: Network) -> Measured:
        """Measure the present state of a run."""
        training_off, _ = self._evaluate(network, self.rows.train)
        validation_off, accuracy = self._evaluate(network, self.rows.validation)
        if network.losses:
            network.training_on = float(np.mean(network.losses))
        return Measured(
            network.step_loss, network.training_on, training_off, validation_off, accuracy
        )

    def _evaluate(self, network: Network, part: Part) -> tuple[float, float]:
        """Loss and accuracy on rows, with dropout off; nan if there are no rows."""
        if len(part) == 0:
            return math.nan, math.nan
        outputs = passes.outputs_of(network.model, part.x, self.at_once)
        loss = float(build.loss_of(network.task, Tensor(outputs), part.y).item())
        return loss, accuracy_of(network.task, outputs, part.y)

    def _measure_point(self) -> None:
        self.steps.append(self.step)
        self.points.append([self.measure(network) for network in self.networks])
        for network in self.networks:
            network.losses.clear()

    def curve(self, run: int, name: str) -> Array:
        """Return one of the curves of a run, float32."""
        return np.array([getattr(point[run], name) for point in self.points], np.float32)

    def on_plateau(self, first: int) -> bool:
        """Whether no loss of any run has changed in the points from `first` on."""
        if len(self.points) - first < PLATEAU_POINTS or self.step != self.steps[-1]:
            return False
        return all(
            _is_flat([getattr(point[run], name) for point in self.points[-PLATEAU_POINTS:]])
            for run in range(len(self.networks))
            for name in ("training_off", "validation_off")
        )


def _pass_of(network: Network, activations: dict[str, Array]) -> Pass:
    masks = {name: module.mask for name, module in network.drops.items()}
    return Pass(
        activations["output"],
        activations,
        {name: mask for name, mask in masks.items() if mask is not None},
    )


def same_masks(one: Pass, other: Pass) -> bool:
    """Whether two passes had the same masks, to the bit."""
    return one.masks.keys() == other.masks.keys() and all(
        same_mask(mask, other.masks[name]) for name, mask in one.masks.items()
    )


def same_mask(one: dropcore.Mask, other: dropcore.Mask) -> bool:
    """Whether two masks are equal: their decisions, or, for noise, their draws."""
    if not (passes.decides(one.variant) and passes.decides(other.variant)):
        return (one.draw, one.variant, one.p) == (other.draw, other.variant, other.p)
    return bool(np.array_equal(one.packed, other.packed))


def accuracy_of(task: str, outputs: Array, y: Array) -> float:
    """Return the share of rows that are classified right; nan for numbers."""
    if task == "number":
        return math.nan
    said = outputs.argmax(axis=1) if task == "classes" else outputs[:, 0] > 0
    return float(np.mean(said == y))


def _is_flat(values: list[float]) -> bool:
    if any(math.isnan(value) for value in values):
        return True  # there are no such rows
    return max(values) - min(values) <= PLATEAU_CHANGE * max(map(abs, values))
