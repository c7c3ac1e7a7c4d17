"""A run that was stopped and resumed gives the results of a run without a stop."""

import io
import json

import numpy as np
import pytest

import dropcore
from dropcore.adapters.autograd import Dropout, seed
from dropcore.autograd import SGD, Adam, Batches, BatchNorm, Linear, ReLU, Sequential, cross_entropy

DATA = np.random.default_rng(0)
X = DATA.standard_normal((50, 6)).astype(np.float32)
LABELS = (X[:, 0] * X[:, 1] > 0).astype(int)


def adam(parameters):
    return Adam(parameters, lr=0.01, weight_decay=0.001)


def sgd(parameters):
    return SGD(parameters, lr=0.05, momentum=0.9)


def test_masks_without_a_stream_do_not_go_on_and_advice_says_so():
    def build():
        return Sequential(hidden=Linear(6, 64, rng=0), drop=Dropout(0.5), out=Linear(64, 2, rng=1))

    (model, resumed), masks = (build(), build()), []
    model(X)
    resumed.load_state_dict(model.state_dict())
    for each in (model, resumed):
        each(X)
        masks.append(each.drop.mask.packed.tobytes())
    assert masks[0] != masks[1]
    advice = dropcore.advise(model, X, n_samples=5000, resuming=True)
    assert [f.mistake for f in advice.findings] == ["dropout without a stream"]


class Run:
    """A model in training, with everything on which the next steps depend."""

    def __init__(self, optimiser, start):
        rng = np.random.default_rng(start)
        self.model = Sequential(
            hidden=Linear(6, 16, rng=rng),
            norm=BatchNorm(16),
            act=ReLU(),
            drop=Dropout(0.4),
            middle=Sequential(linear=Linear(16, 16, rng=rng), drop=Dropout(0.2, store="draw")),
            out=Linear(16, 2, rng=rng),
        )
        seed(self.model, start)
        self.optimiser = optimiser(self.model.parameters())
        self.batches = Batches(len(X), 8, rng=start)
        self.masks = []

    def step(self, rows):
        loss = cross_entropy(self.model(X[rows]), LABELS[rows])
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        for drop in (self.model.drop, self.model.middle.drop):
            self.masks.append(drop.mask.packed.tobytes())

    def train(self, epochs):
        while self.batches.epoch < epochs:
            for rows in self.batches:
                self.step(rows)

    def parts(self):
        return {"model": self.model, "optimiser": self.optimiser, "batches": self.batches}

    def save(self):
        """Arrays for npz, everything else for JSON."""
        arrays, others = {}, {}
        for part, thing in self.parts().items():
            for name, value in thing.state_dict().items():
                if isinstance(value, np.ndarray):
                    arrays[f"{part}/{name}"] = value
                else:
                    others[f"{part}/{name}"] = value
        file = io.BytesIO()
        np.savez(file, **arrays)
        return json.dumps(others), file.getvalue()

    def load(self, text, data):
        states = {part: {} for part in self.parts()}
        for key, value in json.loads(text).items():
            part, name = key.split("/")
            states[part][name] = value
        with np.load(io.BytesIO(data)) as arrays:
            for key in arrays:
                part, name = key.split("/")
                states[part][name] = arrays[key]
        for part, thing in self.parts().items():
            thing.load_state_dict(states[part])

    def weights(self):
        return {
            name: value.tobytes()
            for name, value in self.model.state_dict().items()
            if isinstance(value, np.ndarray)
        }


@pytest.mark.parametrize("optimiser", [adam, sgd])
@pytest.mark.parametrize("start", [1, 2], ids=["built alike", "built with other seeds"])
def test_five_epochs_and_five_are_ten(optimiser, start):
    whole = Run(optimiser, start=1)
    whole.train(10)

    stopped = Run(optimiser, start=1)
    stopped.train(5)
    resumed = Run(optimiser, start=start)
    resumed.load(*stopped.save())
    assert resumed.weights() == stopped.weights()
    resumed.train(10)

    assert resumed.weights() == whole.weights()
    assert stopped.masks + resumed.masks == whole.masks
    assert len(set(whole.masks)) == len(whole.masks) == 2 * 7 * 10


@pytest.mark.parametrize("optimiser", [adam, sgd])
def test_a_run_can_stop_in_the_middle_of_an_epoch(optimiser):
    whole = Run(optimiser, start=1)
    whole.train(4)

    stopped = Run(optimiser, start=1)
    stopped.train(2)
    for rows in stopped.batches:
        stopped.step(rows)
        if stopped.batches.place == 3:
            saved = stopped.save()
            break
    resumed = Run(optimiser, start=2)
    resumed.load(*saved)
    resumed.train(4)

    assert resumed.weights() == whole.weights()
    assert stopped.masks + resumed.masks == whole.masks


@pytest.mark.parametrize("part", ["model", "optimiser", "batches"])
def test_each_part_of_the_state_counts(part):
    whole, stopped = Run(adam, start=1), Run(adam, start=1)
    whole.train(4)
    stopped.train(2)
    resumed = Run(adam, start=2)
    for name, thing in resumed.parts().items():
        if name != part:
            thing.load_state_dict(stopped.parts()[name].state_dict())
    resumed.batches.epoch = 2
    resumed.train(4)
    assert resumed.weights() != whole.weights()
