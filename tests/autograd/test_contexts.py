"""Contexts that set a model to inference mode, or replace the calls of its modules."""

import pytest

from dropcore.autograd import BatchNorm, ReLU, Sequential, Tensor
from dropcore.autograd.contexts import inference_mode, intercepted


def network():
    shared = ReLU()
    return Sequential(act=shared, block=Sequential(norm=BatchNorm(2), again=shared))


def test_modes_come_back_also_after_an_error():
    model = network()
    model.block.norm.eval()
    with inference_mode(model) as same:
        assert same is model
        assert not any(module.training for _, module in model.named_modules())
    with pytest.raises(ValueError, match="shape"), inference_mode(model):
        model([1.0])
    assert [module.training for _, module in model.named_modules()] == [True, True, True, False]


def test_every_call_is_answered_under_the_module_s_name():
    model, seen = network(), []

    def call(name, module, forward, x):
        seen.append((name, type(module).__name__))
        return Tensor(x.data + 10) if isinstance(module, ReLU) else forward(x)

    x = Tensor([[1.0, 2.0], [3.0, 4.0]])
    with inference_mode(model):
        before = model(x).data.tolist()
        with intercepted(model, call):
            assert (model(x).data > 20).all()
        assert model(x).data.tolist() == before
    assert seen == [
        ("", "Sequential"),
        ("act", "ReLU"),
        ("block", "Sequential"),
        ("block.norm", "BatchNorm"),
        ("act", "ReLU"),
    ]
    assert all("forward" not in vars(module) for _, module in model.named_modules())


def test_one_inside_another_answers_first():
    model, order = Sequential(act=ReLU()), []

    def outer(name, module, forward, x):
        order.append("outer")
        return forward(x)

    def inner(name, module, forward, x):
        order.append("inner")
        return forward(x)

    with intercepted(model.act, outer):
        with intercepted(model.act, inner):
            model([[1.0]])
        with pytest.raises(TypeError, match="x must be float32"), intercepted(model.act, inner):
            model("text")
        model([[1.0]])
    model([[1.0]])
    assert order == ["inner", "outer", "inner", "outer", "outer"]
