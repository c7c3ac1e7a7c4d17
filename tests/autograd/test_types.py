"""Type checkers give a module's call the type of its forward."""

import pytest

api = pytest.importorskip("mypy.api", reason="mypy is absent")

PROGRAM = """
from typing import Any, assert_type
import numpy as np
from dropcore.adapters.autograd import Dropout
from dropcore.autograd import BatchNorm, Flatten, Linear, Module, ReLU, Sequential, Tensor

x = np.ones((2, 4), np.float32)
model = Sequential(Flatten(), Linear(4, 3), BatchNorm(3), ReLU(), Dropout(0.5))
assert_type(model(x), Tensor)
assert_type(Linear(4, 3)(x), Tensor)
assert_type(ReLU()(x), Tensor)
assert_type(Dropout(0.5)(x), Tensor)
assert_type(-abs(model(x)) @ x + 1, Tensor)
assert_type([row for row in model(x)], list[Tensor])
for module in model:
    assert_type(module(x), Any)

class Two(Module):
    def forward(self, x: Tensor, k: int = 2) -> tuple[Tensor, int]:
        return x * k, k

assert_type(Two()(Tensor(x), k=3), tuple[Tensor, int])
Two()(Tensor(x), k="3")  # type: ignore[arg-type]
Two()()  # type: ignore[call-arg]
"""


def test_calls_are_typed(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    options = ["--strict", "--cache-dir", str(tmp_path), "--config-file", ""]
    said, errors, code = api.run([*options, str(program)])
    assert code == 0, said + errors
