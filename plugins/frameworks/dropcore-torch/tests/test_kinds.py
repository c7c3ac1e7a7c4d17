"""Each kind of tensor that PyTorch's dropout accepts: dropcore computes, or calls PyTorch's."""

import functools
import itertools
import warnings

import numpy as np
import pytest
import torch
from dropcore_torch import (
    AlphaDropout,
    Dropout,
    Dropout1d,
    Dropout2d,
    Dropout3d,
    FeatureAlphaDropout,
)
from dropcore_torch.functional import dropout
from expected import SEED
from torch import nn
from torch._subclasses import FakeTensorMode
from torch.nn import functional as F
from torch.testing._internal.two_tensor import TwoTensor
from torch.utils._python_dispatch import TorchDispatchMode

pytestmark = pytest.mark.usefixtures("path")

SHAPE = (2, 3, 4, 5, 2)
RANKS = {nn.Dropout1d: 3, nn.Dropout2d: 4}  # ranks accepted without a warning; 5 for all others
THEIRS = {
    Dropout: nn.Dropout,
    Dropout1d: nn.Dropout1d,
    Dropout2d: nn.Dropout2d,
    Dropout3d: nn.Dropout3d,
    AlphaDropout: nn.AlphaDropout,
    FeatureAlphaDropout: nn.FeatureAlphaDropout,
}


class Plain(torch.Tensor):
    """A subclass without code."""


class Wrapping(torch.Tensor):
    """A subclass whose code calls PyTorch's functions."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return super().__torch_function__(function, types, args, kwargs)


class OfATable(torch.Tensor):
    """A subclass with a table of PyTorch's functions; it refuses all other functions."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        with torch._C.DisableTorchFunctionSubclass():
            known = function in (F.dropout, F.alpha_dropout, F.feature_alpha_dropout)
            if known or function is torch.feature_dropout:
                return torch.full((), 7.0).as_subclass(Plain)
            if getattr(function, "__name__", "") in ("__get__", "dim", "stride", "numel"):
                return function(*args, **(kwargs or {}))
        return NotImplemented


class Duck:
    """Not a tensor; PyTorch's functions accept it all the same."""

    def __init__(self, shape):
        self.shape = shape

    def dim(self):
        return len(self.shape)

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return torch.full((), 7.0)


class Observing(TorchDispatchMode):
    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return function(*args, **(kwargs or {}))


def strided(shape):
    torch.manual_seed(SEED)
    return torch.randn(shape)


def fake(shape):
    with FakeTensorMode() as mode:
        return mode.from_tensor(strided(shape))


def matrix():
    return torch.eye(6)


def nested(layout):
    return torch.nested.nested_tensor([torch.ones(2, 3), torch.ones(4, 3)], layout=layout)


KINDS = {
    "float32": strided,
    "float64": lambda shape: strided(shape).double(),
    "float16": lambda shape: strided(shape).half(),
    "bfloat16": lambda shape: strided(shape).bfloat16(),
    "float8": lambda shape: strided(shape).to(torch.float8_e4m3fn),
    "int64": lambda shape: strided(shape).long(),
    "int8": lambda shape: strided(shape).to(torch.int8),
    "uint16": lambda shape: strided(shape).abs().to(torch.uint16),
    "bool": lambda shape: strided(shape) > 0,
    "complex64": lambda shape: torch.complex(strided(shape), strided(shape)),
    "complex, conjugate": lambda shape: torch.complex(strided(shape), strided(shape)).conj(),
    "complex32": lambda shape: torch.complex(strided(shape), strided(shape)).to(torch.complex32),
    "empty": lambda shape: torch.ones(0, *shape[1:]),
    "a parameter": lambda shape: nn.Parameter(strided(shape)),
    "a buffer": lambda shape: nn.Buffer(strided(shape)),
    "to be negated": lambda shape: torch._neg_view(strided(shape)),
    "zeros by name": lambda shape: torch._efficientzerotensor(shape),
    "meta": lambda shape: strided(shape).to("meta"),
    "fake": fake,
    "coordinates": lambda shape: matrix().to_sparse(),
    "hybrid": lambda shape: strided(shape).to_sparse(2),
    "compressed rows": lambda shape: matrix().to_sparse_csr(),
    "compressed columns": lambda shape: matrix().to_sparse_csc(),
    "compressed blocks": lambda shape: matrix().to_sparse_bsr((2, 2)),
    "mkldnn": lambda shape: strided(shape).to_mkldnn(),
    "nested": lambda shape: nested(torch.strided),
    "jagged": lambda shape: nested(torch.jagged),
    "quantised": lambda shape: torch.quantize_per_tensor(strided(shape), 0.1, 0, torch.quint8),
    "masked": lambda shape: torch.masked.masked_tensor(matrix(), matrix() > 0),
    "two in one": lambda shape: TwoTensor(strided(shape), strided(shape)),
    "a subclass": lambda shape: strided(shape).as_subclass(Plain),
    "a subclass that wraps": lambda shape: strided(shape).as_subclass(Wrapping),
    "a subclass of a table": lambda shape: strided(shape).as_subclass(OfATable),
    "a duck": Duck,
}
# Kinds on which no dropout is defined; PyTorch's error texts are not always clear.
REFUSED = (TypeError, RuntimeError, NotImplementedError, ValueError, AssertionError)


def outcome(call, kind, module=None):
    """The result of a call with a tensor of that kind, and the tensor."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        x = KINDS[kind](shape_for(module))
        torch.manual_seed(SEED)
        try:
            return call(x), x
        except REFUSED as error:
            return error, x


def shape_for(module):
    return SHAPE[: RANKS.get(THEIRS.get(module, module), len(SHAPE))]


def assert_alike(result, expected):
    ours, x = result
    theirs, other = expected
    if isinstance(theirs, Exception):
        return  # our error text may differ
    assert not isinstance(ours, Exception), ours
    assert type(ours) is type(theirs)
    if not isinstance(theirs, torch.Tensor):
        return
    assert (ours.dtype, ours.layout, ours.device) == (theirs.dtype, theirs.layout, theirs.device)
    assert ours.dim() == theirs.dim()
    if not ours.is_nested:
        assert ours.shape == theirs.shape
    if theirs is other:
        assert ours is x
    if not (theirs.is_floating_point() or theirs.is_quantized) and theirs.layout is torch.strided:
        assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("module", THEIRS)
@pytest.mark.parametrize("kind", KINDS)
def test_where_pytorch_s_dropout_computes_ours_does(kind, module):
    for training, p in itertools.product([True, False], [0.0, 0.5, 1.0]):
        ours = outcome(module(p).train(training), kind, module)
        theirs = outcome(THEIRS[module](p).train(training), kind, module)
        assert_alike(ours, theirs)


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_function_in_place_or_not(kind, inplace):
    for training, p in itertools.product([True, False], [0.0, 0.5, 1.0]):
        ours = outcome(functools.partial(dropout, p=p, training=training, inplace=inplace), kind)
        theirs = outcome(
            functools.partial(F.dropout, p=p, training=training, inplace=inplace), kind
        )
        assert_alike(ours, theirs)


@pytest.mark.parametrize("kind", ["two in one", "nested", "jagged", "a subclass that wraps"])
def test_what_is_handed_over_is_pytorch_s_own(kind):
    (ours, _), (theirs, _) = (
        outcome(function, kind)
        for function in (lambda x: dropout(x, 0.5, True), lambda x: F.dropout(x, 0.5, True))
    )
    for one, other in zip(parts_of(ours), parts_of(theirs), strict=True):
        assert torch.equal(one, other)


def parts_of(x):
    if isinstance(x, TwoTensor):
        return [x.a, x.b]
    return x.unbind() if x.is_nested else [x]


@pytest.mark.parametrize("name", ["Dropout", "AlphaDropout"])
@pytest.mark.parametrize("kind", ["float32", "a parameter", "two in one", "a subclass", "nested"])
def test_gradients(kind, name):
    ours, theirs = THEIRS_BY_NAME[name]
    if kind == "nested" and name == "AlphaDropout":
        pytest.skip("PyTorch has none either")
    for module in ours(0.5), theirs(0.5):
        x = KINDS[kind](SHAPE).detach().requires_grad_()
        module(x).backward(torch.ones_like(x) if kind != "nested" else KINDS[kind](SHAPE))
        assert x.grad is not None


THEIRS_BY_NAME = {kind.__name__: (kind, theirs) for kind, theirs in THEIRS.items()}


# ----------------------------------------------------------------- modes and hooks


@pytest.mark.parametrize("module", THEIRS)
@pytest.mark.parametrize("mode", [Observing, FakeTensorMode])
def test_under_modes(mode, module):
    for training, p in itertools.product([True, False], [0.0, 0.5, 1.0]):
        results = []
        for kind in module, THEIRS[module]:
            drop = kind(p).train(training)
            with mode():
                results.append(drop(torch.ones(shape_for(module))))
        ours, theirs = results
        assert type(ours) is type(theirs)
        assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)


def test_a_module_made_while_tensors_are_fake():
    with FakeTensorMode():
        drop = Dropout(0.5, rng=3)
        assert drop(torch.ones(5)).shape == (5,)
    fast = torch.compile(drop, backend="aot_eager", fullgraph=True)
    torch.manual_seed(SEED)
    y = drop(torch.ones(50))
    torch.manual_seed(SEED)
    assert torch.equal(fast(torch.ones(50)), y)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")
@pytest.mark.parametrize("module", THEIRS)
@pytest.mark.parametrize("kind", ["two in one", "a subclass", "a subclass that wraps", "complex64"])
def test_compiled(kind, module):
    torch._dynamo.reset()
    for p in (0.0, 0.5):
        ours, theirs = (
            outcome(torch.compile(each(p), backend="eager"), kind, module)
            for each in (module, THEIRS[module])
        )
        if not isinstance(theirs[0], Exception):
            assert not isinstance(ours[0], Exception), ours[0]
            assert ours[0].shape == theirs[0].shape
    torch._dynamo.reset()


@pytest.fixture
def mesh(tmp_path):
    if not torch.distributed.is_available():
        pytest.skip("PyTorch without torch.distributed")
    torch.distributed.init_process_group(
        "gloo", store=torch.distributed.FileStore(str(tmp_path / "store"), 1), rank=0, world_size=1
    )
    yield torch.distributed.init_device_mesh("cpu", (1,))
    torch.distributed.destroy_process_group()


def test_distributed_tensors(mesh):
    from torch.distributed.tensor import Shard, distribute_tensor

    def distributed(drop):
        return lambda x: drop(distribute_tensor(x, mesh, [Shard(0)])).full_tensor()

    for (module, theirs), training, p in itertools.product(
        THEIRS.items(), [True, False], [0.0, 0.5, 1.0]
    ):
        ours, others = (
            outcome(distributed(each(p).train(training)), "float32", module)
            for each in (module, theirs)
        )
        assert_alike(ours, others)


# --------------------------------------------------------------- other inputs than tensors


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("x", [(torch.ones(3),), "text", None, [1.0], np.ones(3), 1.0])
def test_what_is_no_tensor_is_refused(x, training):
    for module in THEIRS:
        with pytest.raises(TypeError, match=f"input must be a tensor, not {type(x).__name__}"):
            module(0.5).train(training)(x)
    with pytest.raises(TypeError, match=f"input must be a tensor, not {type(x).__name__}"):
        dropout(x, 0.5, training)


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.complex64])
@pytest.mark.parametrize("variant", ["standard", "alpha"])
def test_dtypes_of_no_fractions(variant, dtype):
    x = torch.ones(3, dtype=dtype)
    assert dropout(x, 0, True, variant=variant) is x
    assert torch.equal(dropout(x, 1, True, variant=variant), torch.zeros(3, dtype=dtype))
    with pytest.raises(TypeError, match="float32, float64, float16 or bfloat16"):
        dropout(x, 0.5, True, variant=variant)
