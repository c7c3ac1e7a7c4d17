"""Functions and classes that several tests of the Lab use."""

import time

from dropcore_lab import reading
from dropcore_lab.service import Service

SMALL = {
    "data": {"name": "moons", "rows": 30, "validation": 20, "noise": 0.2},
    "layers": [
        {"name": "hidden1", "units": 8, "dropout": {"p": 0.5}},
        {"name": "hidden2", "units": 6, "dropout": {"p": 0.3}},
    ],
    "training": {"batch": 8, "steps": 40, "every": 5},
    "runs": [{"name": "without", "p": 0}, {"name": "with"}],
}


def changed(base=SMALL, **parts):
    """A specification with some parts replaced; the part `training` is merged."""
    merged = {**base, **parts}
    if "training" in parts:
        merged["training"] = {**base.get("training", {}), **parts["training"]}
    return merged


def read(base=SMALL, **parts):
    return reading.read(changed(base, **parts))


class Page:
    """A substitute for a page: it keeps all messages of a service, and acknowledges frames."""

    def __init__(self, json=SMALL, acknowledges=True):
        self.now = 0.0
        self.got = []
        self.acknowledges = acknowledges
        self.service = Service(self.receive, clock=self.clock)
        self.say("attach", page=1, spec=reading.read(json).canonical())
        self.work()

    def clock(self):
        self.now += 1e-4  # so that work takes time
        return self.now

    def receive(self, message, buffers):
        self.got.append((message, buffers))
        if message["type"] == "frame" and self.acknowledges:
            self.service.handle({"type": "ack", "frame": message["frame"]})

    def say(self, kind, **fields):
        self.service.handle({"type": kind, "id": None, **fields})

    def run(self, action, speed=None, reason=None):
        self.say("run", action=action, speed=speed, reason=reason)

    def work(self, times=1):
        for _ in range(times):
            self.service.work()

    def work_until_idle(self, most=20000):
        for _ in range(most):
            wait = self.service.work()
            if wait > 10:
                return
            self.now += wait
        raise AssertionError("still busy")

    def of_type(self, kind):
        return [message for message, _ in self.got if message["type"] == kind]

    def results(self, kind):
        return [message for message in self.of_type("result") if message["kind"] == kind]

    @property
    def frame(self):
        return self.of_type("frame")[-1]

    def buffers_of(self, message):
        return next(buffers for each, buffers in self.got if each is message)


def until(condition, seconds=30.0):
    """Wait until a condition holds that another process or thread brings about."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it did not come about")
        time.sleep(0.01)
