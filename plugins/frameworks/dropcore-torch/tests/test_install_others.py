"""Calls that `install` leaves to PyTorch: other tensors, transforms, compilers."""

import pytest
import torch
from dropcore_torch import functional, installed
from installing import OPERATORS, X, same, seeded, with_and_without
from torch import nn
from torch._dynamo.backends.common import aot_autograd
from torch.nn import functional as F

pytestmark = pytest.mark.usefixtures("clean")


class Doubled(torch.Tensor):
    """A subclass with code for operators: it doubles their results."""

    @staticmethod
    def __new__(cls, inner):
        return torch.Tensor._make_wrapper_subclass(cls, inner.shape, dtype=inner.dtype)

    def __init__(self, inner):
        self.inner = inner

    @classmethod
    def __torch_dispatch__(cls, operator, types, arguments=(), named=None):
        plain = [x.inner if isinstance(x, cls) else x for x in arguments]
        return cls(operator(*plain, **(named or {})) * 2)


class Named(torch.Tensor):
    """A subclass with code for functions."""

    @classmethod
    def __torch_function__(cls, function, types, arguments=(), named=None):
        y = super().__torch_function__(function, types, arguments, named)
        return y.as_subclass(torch.Tensor) if isinstance(y, torch.Tensor) else y


OTHERS = {
    "integers": lambda: torch.arange(10),
    "bools": lambda: torch.ones(10, dtype=torch.bool),
    "complex": lambda: torch.ones(10, dtype=torch.complex64),
    "float8": lambda: torch.ones(10).to(torch.float8_e4m3fn),
    "meta": lambda: torch.ones(10, device="meta"),
    "sparse": lambda: torch.eye(4).to_sparse(),
    "sparse, compressed": lambda: torch.eye(4).to_sparse_csr(),
    "jagged": lambda: torch.nested.nested_tensor(
        [torch.ones(2), torch.ones(3)], layout=torch.jagged
    ),
    "quantised": lambda: torch.quantize_per_tensor(torch.ones(10), 0.1, 0, torch.quint8),
    "mkldnn": lambda: torch.ones(10).to_mkldnn(),
    "a subclass with operators": lambda: Doubled(torch.ones(10)),
    "a subclass with functions": lambda: torch.ones(10).as_subclass(Named),
}


def shown(y):
    """A result in a form that can be compared."""
    if isinstance(y, torch.Tensor):
        if type(y) in (Doubled, Named):
            y = y.inner if isinstance(y, Doubled) else y.as_subclass(torch.Tensor)
        return y.layout, str(y.dtype), str(y)
    return y


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support", "ignore:The PyTorch API of nested")
@pytest.mark.filterwarnings("ignore:torch.ao.quantization", "ignore:.*quantize_per_tensor")
@pytest.mark.parametrize("p", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("kind", OTHERS)
def test_other_tensors_are_pytorch_s(kind, p):
    x = OTHERS[kind]()
    if kind == "sparse" and p == 1:
        x = torch.zeros(4, 4).to_sparse()  # for larger tensors PyTorch returns uninitialised memory
    for function in (F.dropout, torch.dropout, torch.native_dropout, F.alpha_dropout):
        arguments = (p, True) if function in (torch.dropout, torch.native_dropout) else (p,)
        ours, theirs = with_and_without(lambda f=function, a=arguments: f(x, *a))
        ours, theirs = (
            each[0] if type(each) is tuple and isinstance(each[0], torch.Tensor) else each
            for each in (ours, theirs)
        )
        assert shown(ours) == shown(theirs)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested")
def test_the_memory_of_a_nested_tensor_goes_to_native_dropout():
    x = torch.nested.nested_tensor([torch.ones(200), torch.ones(300)])
    with installed():
        y = seeded(F.dropout, x, 0.5)
    assert torch.equal(
        torch.cat(y.unbind()), seeded(functional.dropout, torch.ones(500), 0.5, True)
    )


@pytest.mark.parametrize("p", [-0.1, 1.1, float("nan")])
@pytest.mark.parametrize("name", OPERATORS)
def test_the_errors_of_pytorch(name, p):
    ours, theirs = with_and_without(lambda: getattr(torch, name)(X.clone(), p, True))
    assert isinstance(theirs, tuple)
    assert ours == theirs


@pytest.mark.parametrize("name", ["feature_dropout", "feature_alpha_dropout_"])
def test_channels_of_one_axis(name):
    ours, theirs = with_and_without(lambda: getattr(torch, name)(torch.ones(3), 0.5, True))
    assert ours == theirs
    assert theirs[0] is RuntimeError


def test_a_leaf_is_not_written_to():
    x = torch.ones(10, requires_grad=True)
    with installed(), pytest.raises(RuntimeError, match="leaf"):
        F.dropout(x, 0.5, inplace=True)
    assert torch.equal(x, torch.ones(10))


def test_transforms_of_functions_are_pytorch_s():
    def gradient(x):
        return torch.func.grad(lambda x: F.dropout(x, 0.5).square().sum())(x)

    def many(x):
        return torch.vmap(lambda x: F.dropout(x, 0.5), randomness="different")(x)

    x = torch.ones(20, 30)
    for function in (gradient, many, lambda x: torch.vmap(gradient, randomness="same")(x)):
        assert same(*with_and_without(function, x))


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_who_sees_operators_sees_pytorch_s():
    class Seen(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, operator, types, arguments=(), named=None):
            seen.append(str(operator))
            return operator(*arguments, **(named or {}))

    def run(x):
        with Seen():
            return F.dropout(x, 0.5)

    seen = []
    ours, theirs = with_and_without(run, X)
    assert same(ours, theirs)
    half = len(seen) // 2
    assert seen[:half] == seen[half:] != []
    traced = torch.jit.trace(lambda x: F.dropout(x, 0.5), X, check_trace=False)
    with installed():
        again = torch.jit.trace(lambda x: F.dropout(x, 0.5), X, check_trace=False)
    assert str(traced.graph) == str(again.graph)


# ---------------------------------------------------------------------------- compilers


@pytest.fixture
def fresh_compiler():
    torch.compiler.reset()
    yield
    torch.compiler.reset()


@pytest.mark.usefixtures("fresh_compiler")
@pytest.mark.parametrize("before", [False, True])
def test_a_compiled_graph_is_pytorch_s(before):
    graphs = []

    def keep(graph, _):
        graphs.append(graph.code)
        return graph

    def model(x):
        return F.dropout(x, 0.5) + F.dropout2d(x, 0.5) + F.alpha_dropout(x, 0.5, True)

    def fresh():
        torch.compiler.reset()
        return torch.compile(model, backend=aot_autograd(fw_compiler=keep), fullgraph=True)

    theirs = seeded(fresh(), X)
    compiled = fresh()
    if before:
        compiled(X)
    with installed():
        compiled(X)
    assert len(set(graphs)) == 1
    assert same(theirs, seeded(compiled, X))


@pytest.mark.filterwarnings("ignore:.isinstance.treespec")
def test_an_exported_model_is_pytorch_s():
    def graphs():
        exported = torch.export.export(nn.Sequential(nn.Dropout(0.5)), (X,))
        return str(exported.graph), str(exported.run_decompositions().graph)

    before = graphs()
    with installed():
        assert graphs() == before
    assert graphs() == before
