"""The frequent mistakes, each with the function that looks for it.

- A function takes the `Facts` and yields findings; `MISTAKES` lists the functions by mistake.
- A `Flow` says which modules ran, and whose outputs reached each module. For a `Sequential`, the
  flow follows from the structure. For any other model, the tape of a run of x shows the flow.
- A function that lacks information raises `Lacking`; the advice lists the mistake as not checked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import combinations
from typing import Any

import numpy as np

from dropcore.adapters.autograd import Dropout
from dropcore.autograd import SELU, BatchNorm, Conv2d, Flatten, Module, ReLU, Sigmoid, Tanh
from dropcore.findings.facts import Facts, Lacking
from dropcore.findings.flow import Flow, Step, has_parameters, run_model
from dropcore.stream import Stream
from dropcore.variants.alpha import Alpha
from dropcore.variants.base import Array

HIGH_P = 0.7
INPUT_P = 0.5
FEW_ROWS = 1000
SEVERAL = 3  # modules with the same p that make a finding; two with the same p are usual
SHIFT_DRAWS = 8


# ------------------------------------------------------------------ the mistakes

# For each finding: the modules, the reason, the remedy, and the source.
Found = Iterator[tuple[tuple[str, ...], str, str, str]]

SRIVASTAVA = "Srivastava et al. 2014, JMLR 15"


def _on_outputs(facts: Facts) -> Found:
    flow = facts.flow
    for step, module in facts.dropout_steps():
        if step.index in flow.outputs:
            yield (
                (step.name,),
                f"No layer with parameters follows. Outputs are dropped with p = {module.p:g} in "
                "training, and no later layer can correct the dropped values.",
                "Move the dropout in front of the last layer with parameters, or remove it.",
                "",
            )


def _behind_convolution(facts: Facts) -> Found:
    flow = facts.flow
    for step, module in facts.dropout_steps():
        for before in flow.nearest(step, _keeps_maps):
            if isinstance(before.module, Conv2d) and _is_per_pixel(step, module):
                yield (
                    (step.name,),
                    f"The module drops single elements of the maps of {_called(before)}. "
                    "Neighbouring elements of a map are similar, so the network can guess a "
                    "dropped element from its neighbours.",
                    'Drop whole channels: variant="spatial", channel_axis=1.',
                    "Tompson et al. 2015, CVPR, section 3.2",
                )


def _keeps_maps(module: Module) -> bool:
    """Whether the module's output still consists of the feature maps of a convolution before it."""
    if isinstance(module, Flatten):
        return False
    return isinstance(module, BatchNorm) or not has_parameters(module)


def _is_per_pixel(step: Step, module: Dropout) -> bool:
    shape = step.shape or (2, 3, 4, 4)
    with suppress(ValueError):  # the variant does not accept such a shape
        return max(shape[2:], default=1) > 1 and module.variant.independent_unit(shape) == shape
    return False


def _before_batch_norm(facts: Facts) -> Found:
    flow = facts.flow
    norms = [step for step in flow.steps if isinstance(step.module, BatchNorm)]
    for step, module in facts.dropout_steps():
        after = next((norm for norm in norms if step.index in flow.before(norm)), None)
        if after is not None:
            yield (
                (step.name,),
                f"In training, {_called(after)} learns its running variance from inputs with "
                "dropout. In inference it divides by this variance, but without dropout its inputs "
                f"have another variance. {_shift(facts, module, after)}",
                _REMEDY_OF_INPUTS
                if flow.is_on_input(step)
                else "Put dropout behind the last batch normalisation, or remove one of them.",
                "Li et al. 2018, arXiv 1801.05134",
            )


_REMEDY_OF_INPUTS = (
    "Remove the dropout or the normalisation: dropout of the model's input is always in front of "
    "the normalisation."
)


def _called(step: Step) -> str:
    """Class and name of the module: a name alone may be a number."""
    return f"{type(step.module).__name__} {step.name!r}"


def _shift(facts: Facts, dropout: Dropout, norm: Step) -> str:
    """Say how the variance of the inputs of `norm` changes when only `dropout` drops."""
    if facts.x is None:
        return "How much the two variances differ was not measured: the measurement needs x."
    quiet = _variance(facts, norm, None, Stream(0))
    stream = Stream(0)
    noisy = np.mean([_variance(facts, norm, dropout, stream) for _ in range(SHIFT_DRAWS)], axis=0)
    seen = quiet > 0
    if not seen.any():
        return (
            "How much the two variances differ was not measured: on x the inputs of the "
            "normalisation do not vary."
        )
    ratio = float((noisy[seen] / quiet[seen]).mean())
    return f"On x the variance in training is {ratio:.3g} times the variance in inference."


def _variance(facts: Facts, norm: Step, on: Dropout | None, stream: Stream) -> Array:
    """The variance of each input channel of `norm`, in its last call."""
    inputs: list[Array] = []

    def look(module: Module, x: Array) -> None:
        if module is norm.module:
            inputs.append(x)

    run_model(facts.model, facts.x, look, on, stream)
    x = inputs[-1].astype(np.float64)
    return np.asarray(x.var(axis=(0, *range(2, x.ndim))))


def _high_p(facts: Facts) -> Found:
    for name, module in facts.dropouts:
        if HIGH_P < module.p < 1:
            yield (
                (name,),
                f"With p = {module.p:g} the module keeps {100 * (1 - module.p):.3g} % of its "
                "input. p is the probability of being dropped; some libraries and papers give the "
                "probability of being kept instead.",
                "Check that p is not the probability of being kept. Usual values are 0.2 for "
                "inputs and at most 0.5 for hidden layers.",
                f"{SRIVASTAVA}, section 7.3 and appendix A.4",
            )


def _drops_all(facts: Facts) -> Found:
    for name, module in facts.dropouts:
        if module.p == 1:
            yield (
                (name,),
                "In training the output does not depend on the input, whose gradient is 0.",
                "p is the probability of being dropped: p = 0 switches dropout off.",
                "",
            )


def _high_p_on_input(facts: Facts) -> Found:
    flow = facts.flow
    for step, module in facts.dropout_steps():
        if INPUT_P <= module.p < 1 and flow.is_on_input(step):
            yield (
                (step.name,),
                f"The module drops the model's input with p = {module.p:g}. No other unit can "
                "replace a lost input. p = 0.5 is usual for hidden layers, not for inputs.",
                "Usual for inputs is p = 0.2 or less.",
                f"{SRIVASTAVA}, appendix A.4",
            )


def _in_a_row(facts: Facts) -> Found:
    flow = facts.flow
    for step, module in facts.dropout_steps():
        before = flow.chain(step, lambda m: isinstance(m, _KEEP_UNITS) or _is_off(m))
        if before is not None and isinstance(before.module, Dropout):
            p = 1 - (1 - before.module.p) * (1 - module.p)
            yield (
                tuple(dict.fromkeys([before.name, step.name])),
                "No layer between these dropouts learns. Together they drop an element with "
                f"p = {p:.3g}.",
                "Keep one dropout, with the intended p.",
                "",
            )


_KEEP_UNITS = (Flatten, ReLU, SELU, Sigmoid, Tanh)


def _is_off(module: Module) -> bool:
    return isinstance(module, Dropout) and module.p == 0


def _on_parameters(facts: Facts) -> Found:
    for step, _ in facts.dropout_steps():
        if step.of_parameters:
            yield (
                (step.name,),
                "The module drops elements of a parameter. This is DropConnect. In this model all "
                "rows of a batch share one mask; in the paper each row has its own mask.",
                "If units should be dropped, apply dropout to the input of the layer.",
                "Wan et al. 2013, ICML",
            )


def _one_p(facts: Facts) -> Found:
    rates = {module.p for _, module in facts.dropouts}
    if len(facts.dropouts) >= SEVERAL and len(rates) == 1:
        yield (
            facts.names,
            f"All these modules have p = {rates.pop():g}. The best p depends on the width of a "
            "layer, and inputs need a smaller p than hidden layers. The same p everywhere is "
            "often a default that nobody chose.",
            "Try a smaller p near the inputs and in narrow layers, and a larger p in wide layers.",
            f"{SRIVASTAVA}, appendix A.4",
        )


def _alpha_without_selu(facts: Facts) -> Found:
    flow = facts.flow
    has_selu = any(isinstance(step.module, SELU) for step in flow.steps)
    for step, module in facts.dropout_steps():
        if isinstance(module.variant, Alpha) and not _follows_selu(flow, step, has_selu):
            yield (
                (step.name,),
                "Alpha dropout sets dropped elements to the lower limit of selu, and rescales to "
                "keep mean and variance. After another activation this limit has no meaning.",
                'Put the dropout behind a SELU, or use variant="standard".',
                "Klambauer et al. 2017, NeurIPS",
            )


def _follows_selu(flow: Flow, step: Step, has_selu: bool) -> bool:
    before = list(flow.nearest(step, lambda m: isinstance(m, Flatten | Dropout)))
    if not step.direct:  # a function in between may be selu
        return True
    return all(isinstance(b.module, SELU) for b in before) if before else has_selu


def _selu_without_alpha(facts: Facts) -> Found:
    flow = facts.flow
    for step, module in facts.dropout_steps():
        before = list(flow.nearest(step, lambda m: isinstance(m, Flatten)))
        keeps = module.variant.kept_moments(module.p) is not None
        if step.direct and not keeps and any(isinstance(b.module, SELU) for b in before):
            yield (
                (step.name,),
                f"Variant {module.variant.name!r} changes the mean and variance that selu networks "
                "keep from layer to layer.",
                'Use variant="alpha".',
                "Klambauer et al. 2017, NeurIPS",
            )


def _few_rows(facts: Facts) -> Found:
    if facts.n_samples is None:
        raise Lacking("needs n_samples")
    if facts.dropouts and facts.n_samples < FEW_ROWS:
        yield (
            facts.names,
            f"With {facts.n_samples} rows, fewer than about {FEW_ROWS}, dropout often does not "
            "help. A network can memorise so few rows, even with dropout.",
            "Compare with no dropout, with weight decay and with a smaller model.",
            f"{SRIVASTAVA}, section 7.4",
        )


def _training_while_predicting(facts: Facts) -> Found:
    if not facts.predicting:
        raise Lacking("needs predicting=True")
    names = [
        name
        for name, module in facts.modules.items()
        if module.training and (isinstance(module, BatchNorm) or (name, module) in facts.dropouts)
    ]
    names += [
        name
        for name, call in facts.strays
        if call.module is None and not call.training and facts.modules[name].training
    ]
    if names:
        yield (
            tuple(dict.fromkeys(names)),
            "These modules are in training mode, so predictions are random or depend on the other "
            "rows.",
            "Call model.eval() first. dropcore.ensemble.mc_predict gives predictions with a "
            "standard deviation.",
            "",
        )
    facts.needs_x_for_functions()


def _not_reached(facts: Facts) -> Found:
    for name, call in facts.strays:
        if call.training:
            what = "calls dropout" if call.module is None else f"calls {call.module!r}"
            yield (
                (name,),
                f"The module {what}, which model.eval() does not reach, so predictions are random.",
                "Make this dropout a Dropout module of the model, or pass training=self.training.",
                "",
            )
    facts.needs_x_for_functions()


def _without_stream(facts: Facts) -> Found:
    names = tuple(name for name, module in facts.dropouts if module.rng is None)
    if names and (facts.resuming or len(names) < len(facts.dropouts)):
        yield (
            names,
            "The masks of these modules come from the stream of the process, which state_dict() "
            "does not hold. A training that is resumed continues with other masks.",
            "Give each module a stream: dropcore.adapters.autograd.seed(model, 42), in the "
            "program that saves and in the program that resumes.",
            "",
        )
    elif names:
        raise Lacking("needs resuming=True")


def _one_stream(facts: Facts) -> Found:
    for (name, one), (other_name, other) in combinations(facts.dropouts, 2):
        a, b = one.rng, other.rng
        if a is None or type(a) is not type(b):
            continue
        if a is b and isinstance(a, Stream):
            why = (
                "These two modules take turns on one stream. If you change or remove one module, "
                "the masks of the other module change."
            )
        elif a == b or _address(a) == _address(b):
            why = (
                "These two modules draw from the same place of a stream, so their decisions are "
                "not independent."
            )
        else:
            continue
        remedy = "Give each module its own stream: dropcore.adapters.autograd.seed(model, 42)."
        yield (name, other_name), why, remedy, ""


def _address(rng: Any) -> Any:
    return (rng.seed, rng.path) if isinstance(rng, Stream) else rng


MISTAKES: dict[str, Callable[[Facts], Found]] = {
    "dropout on the outputs": _on_outputs,
    "element-wise dropout behind a convolution": _behind_convolution,
    "dropout in front of batch normalisation": _before_batch_norm,
    "two dropouts in a row": _in_a_row,
    "dropout on a parameter": _on_parameters,
    "p of 0.5 or more on the input": _high_p_on_input,
    "p above 0.7": _high_p,
    "p is 1": _drops_all,
    "one p everywhere": _one_p,
    "alpha dropout without selu": _alpha_without_selu,
    "selu without alpha dropout": _selu_without_alpha,
    "few rows": _few_rows,
    "training mode while predicting": _training_while_predicting,
    "dropout that eval() does not reach": _not_reached,
    "dropout without a stream": _without_stream,
    "one stream for two modules": _one_stream,
}
