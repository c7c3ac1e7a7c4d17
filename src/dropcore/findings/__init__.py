"""`advise`: looks for frequent mistakes with dropout in a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dropcore.autograd import Module
from dropcore.autograd.contexts import check_model
from dropcore.findings.facts import Facts, Lacking
from dropcore.findings.mistakes import MISTAKES

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from dropcore.autograd import Tensor

__all__ = ["Advice", "Finding", "NotChecked", "advise"]


@dataclass(frozen=True)
class Finding:
    """A place in the model that looks like a mistake.

    Attributes
    ----------
    mistake : str
        The name of the mistake.
    modules : tuple of str
        The qualified names of the modules; "" is the model itself.
    why, remedy : str
    source : str
        The paper that supports the finding; empty if the code alone shows the problem.
    """

    mistake: str
    modules: tuple[str, ...]
    why: str
    remedy: str
    source: str = ""

    def __str__(self) -> str:
        names = ", ".join(name or "(the model)" for name in self.modules)
        if any(self.modules):  # a name may be a number, as in Sequential(Linear(2, 2), ...)
            names = f"module{'s' * (len(self.modules) > 1)} {names}"
        source = f" [{self.source}]" if self.source else ""
        return f"{names}: {self.mistake}\n    why: {self.why}{source}\n    do:  {self.remedy}"


@dataclass(frozen=True)
class NotChecked:
    """A mistake for which the model could not be checked.

    Attributes
    ----------
    mistake, reason : str
    """

    mistake: str
    reason: str

    def __str__(self) -> str:
        return f"not checked: {self.mistake}: {self.reason}"


@dataclass(frozen=True)
class Advice:
    """The result of `advise`; `print` shows all of it.

    Attributes
    ----------
    findings : tuple of Finding
    not_checked : tuple of NotChecked
    dropouts : tuple of str
        The qualified names of the Dropout modules with p above 0.
    """

    findings: tuple[Finding, ...]
    not_checked: tuple[NotChecked, ...]
    dropouts: tuple[str, ...]

    def __str__(self) -> str:
        count = len(self.findings)
        head = f"{count or 'no'} finding{'s' * (count != 1)}"
        if not self.dropouts:
            head += "; the model has no Dropout module with p above 0"
        return "\n".join([head, *map(str, self.findings), *map(str, self.not_checked)])


def advise(
    model: Module,
    x: Tensor | ArrayLike | None = None,
    *,
    n_samples: int | None = None,
    predicting: bool = False,
    resuming: bool = False,
) -> Advice:
    """Look for frequent mistakes with dropout.

    The mistakes are: dropout on the outputs; element-wise dropout behind a convolution; dropout in
    front of batch normalisation; two dropouts in a row; dropout on a parameter; p of 0.5 or more on
    the input, p above 0.7, p of 1; the same p in all dropout modules, if there are three or more;
    alpha dropout without selu, and selu followed by a variant that changes mean and variance; fewer
    than about a thousand rows; a model in training mode while predicting; dropout that `eval` does
    not reach; modules without a stream, whose masks a resumed training does not continue; modules
    that share a stream. Modules with p = 0 are ignored.

    Parameters
    ----------
    model : Module
        A model with `dropcore.adapters.autograd.Dropout` modules.
    x : Tensor or array_like, optional
        A few rows of input. With `x`, `advise` finds the order of modules in a model that is not a
        `Sequential`, measures how far dropout shifts the variance that batch normalisation sees,
        and finds modules that call dropout as a function.
    n_samples : int, optional
        The number of rows on which the model is trained.
    predicting : bool, default: False
        Whether the model is about to predict.
    resuming : bool, default: False
        Whether the training is to be saved and resumed.

    Returns
    -------
    Advice
        The findings, and the mistakes for which the model could not be checked.

    Raises
    ------
    TypeError, ValueError
        If an argument is not as described above.

    Notes
    -----
    The model is not changed, and no draw is taken from its streams. `x` runs through the model in
    inference mode. For each dropout in front of a batch normalisation, `x` runs through the model
    nine times more: once in inference mode, and eight times with this dropout on, with draws of
    another stream. Activations that are functions, not modules, are not seen. A finding is no
    proof: compare the loss on held-out rows.

    Examples
    --------
    >>> import dropcore
    >>> from dropcore.adapters.autograd import Dropout
    >>> from dropcore.autograd import Linear, ReLU, Sequential
    >>> model = Sequential(hidden=Linear(4, 8), act=ReLU(), drop=Dropout(0.8), out=Linear(8, 2))
    >>> advice = dropcore.advise(model, n_samples=5000, predicting=False)
    >>> [(finding.mistake, finding.modules) for finding in advice.findings]
    [('p above 0.7', ('drop',))]
    >>> print(advice.not_checked[0])
    not checked: training mode while predicting: needs predicting=True
    """
    facts = _facts(model, x, n_samples, predicting, resuming)
    findings: list[Finding] = []
    not_checked: list[NotChecked] = []
    for mistake, look_for in MISTAKES.items():
        try:
            for modules, why, remedy, source in look_for(facts):
                finding = Finding(mistake, modules, why, remedy, source)
                if finding not in findings:  # a module may run more than once
                    findings.append(finding)
        except Lacking as lack:
            not_checked.append(NotChecked(mistake, str(lack)))
    return Advice(tuple(findings), tuple(not_checked), facts.names)


def _facts(model: Module, x: Any, n_samples: int | None, predicting: bool, resuming: bool) -> Facts:
    check_model(model)
    if n_samples is not None:
        if isinstance(n_samples, bool) or not isinstance(n_samples, int | np.integer):
            raise TypeError(f"n_samples must be an integer, not {n_samples!r}")
        if n_samples < 0:
            raise ValueError(f"n_samples must be >= 0, not {n_samples}")
    for name, value in (("predicting", predicting), ("resuming", resuming)):
        if not isinstance(value, bool):
            raise TypeError(f"{name} must be True or False, not {value!r}")
    return Facts(model, x, n_samples, predicting, resuming)
