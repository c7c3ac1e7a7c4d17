"""`install`: PyTorch's operators use dropcore for supported calls; `uninstall` restores all."""

import copy
import sys
import threading

import dropcore_torch
import pytest
import torch
import torch.multiprocessing as mp
from dropcore_torch import functional, install, installed, is_installed, uninstall
from expected import SEED
from torch import nn
from torch._dynamo.backends.common import aot_autograd
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

kernels = sys.modules["dropcore_torch.kernels"]

OPERATORS = [
    f"{name}{suffix}"
    for name in ("dropout", "alpha_dropout", "feature_dropout", "feature_alpha_dropout")
    for suffix in ("", "_")
] + ["native_dropout"]
DTYPES = [torch.float32, torch.float64, torch.float16, torch.bfloat16]


def state():
    """All that PyTorch's dispatcher has registered for the operators."""
    return [
        (torch._C._dispatch_dump(f"aten::{name}"), torch._C._dispatch_dump_table(f"aten::{name}"))
        for name in OPERATORS
    ]


CLEAN = state()


@pytest.fixture(autouse=True)
def clean():
    yield
    left = is_installed()
    uninstall()
    assert not left
    assert state() == CLEAN


def seeded(function, *arguments):
    torch.manual_seed(SEED)
    return function(*arguments)


def with_and_without(function, *arguments):
    """The result of a function with dropcore installed, and the result without."""
    without = outcome(function, *arguments)
    with installed():
        return outcome(function, *arguments), without


def outcome(function, *arguments):
    try:
        return seeded(function, *copy.deepcopy(arguments))
    except Exception as error:
        return type(error), str(error)[:90]  # the end can be a list of the registered kernels


def bits(x):
    return x.detach().contiguous().reshape(-1).view(torch.uint8)


def same(a, b):
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(bits(a), bits(b))
    return a == b


# ---------------------------------------------------------------------- masks and gradients

X = torch.randn(4, 5, 6, 7)
FUNCTIONS = {
    "dropout": (lambda x: F.dropout(x, 0.3), {}),
    "dropout, in place": (lambda x: F.dropout(x.clone(), 0.3, inplace=True), {}),
    "torch.dropout_": (lambda x: torch.dropout_(x.clone(), 0.3, True), {}),
    "alpha": (lambda x: F.alpha_dropout(x, 0.3, True), {"variant": "alpha"}),
    "alpha, in place": (
        lambda x: F.alpha_dropout(x.clone(), 0.3, True, True),
        {"variant": "alpha"},
    ),
    "dropout2d": (lambda x: F.dropout2d(x, 0.3), {"shared_axes": (2, 3)}),
    "dropout2d, in place": (
        lambda x: F.dropout2d(x.clone(), 0.3, inplace=True),
        {"shared_axes": (2, 3)},
    ),
    "feature alpha": (
        lambda x: F.feature_alpha_dropout(x, 0.3, True),
        {"shared_axes": (2, 3), "variant": "alpha"},
    ),
    "feature alpha, in place": (
        lambda x: torch.feature_alpha_dropout_(x.clone(), 0.3, True),
        {"shared_axes": (2, 3), "variant": "alpha"},
    ),
    "native": (lambda x: torch.native_dropout(x, 0.3, True)[0], {}),
}


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_values_and_gradients_of_functional_dropout(name, dtype):
    function, options = FUNCTIONS[name]
    given = torch.randn_like(X).to(dtype)

    def run(drop):
        x = X.to(dtype, copy=True).requires_grad_()
        y = seeded(drop, x)
        y.backward(given)
        return y, x.grad

    with installed():
        y, dx = run(function)
    y_, dx_ = run(lambda x: functional.dropout(x, 0.3, True, **options))
    assert same(y, y_)
    if name == "native":  # PyTorch's formula, which rounds twice in half precision
        torch.testing.assert_close(dx, dx_)
    else:
        assert same(dx, dx_)
    assert not torch.equal(y, seeded(function, X.to(dtype)))  # PyTorch's own


@pytest.mark.parametrize("p", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("shape", [(), (0, 3), (4, 5), (3, 4, 5)])
def test_the_draws_that_functional_dropout_takes(shape, p):
    x = torch.randn(shape)
    ours = seeded(functional.dropout, x, p, True), torch.rand(())
    with installed():
        theirs = seeded(F.dropout, x, p), torch.rand(())
    assert same(ours[0], theirs[0])
    assert torch.equal(ours[1], theirs[1])


def test_what_gives_the_input_gives_itself():
    with installed():
        for x in (X, X.long()):
            assert F.dropout(x, 0.5, training=False) is x
            assert F.dropout(x, 0.0) is x
        x = X.clone()
        assert F.dropout(x, 0.5, inplace=True) is x


def test_the_mask_of_native_dropout():
    with installed():
        y, mask = seeded(torch.native_dropout, torch.ones(1000), 0.5, True)
    assert mask.dtype == torch.bool
    assert torch.equal(y, 2.0 * mask)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(16, 4, 32, dropout=0.2, batch_first=True)
        self.lstm = nn.LSTM(16, 8, 3, dropout=0.3, batch_first=True)
        self.planes = nn.Dropout1d(0.4)
        self.alpha = nn.AlphaDropout(0.1)

    def forward(self, x):
        return self.alpha(self.planes(self.lstm(self.layer(x))[0]))


def test_the_masks_of_a_converted_model():
    model, x = Encoder(), torch.randn(3, 5, 16)
    with installed():
        y = seeded(model, x)
    dropcore_torch.convert(model)
    torch.testing.assert_close(y, seeded(model, x))  # the same elements are zero; sums round
    assert torch.equal(y == 0, seeded(model, x) == 0)


def test_a_converted_layer_keeps_its_key():
    model = nn.Sequential(nn.Dropout(0.5), nn.Dropout(0.5))
    dropcore_torch.convert(model, rng=7)
    y = seeded(model, X)
    with installed():
        assert same(y, seeded(model, X))


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_without_gradients(mode):
    x = torch.randn(100, requires_grad=True)
    y = seeded(functional.dropout, x, 0.5, True)
    with installed(), mode():
        assert torch.equal(y, seeded(F.dropout, x, 0.5))
        z = torch.ones(100)
        seeded(F.dropout, z, 0.5, True, True)
        assert torch.equal(z, seeded(functional.dropout, torch.ones(100), 0.5, True))


def test_a_graph_outlives_the_kernels():
    x = torch.ones(1000, requires_grad=True)
    with installed():
        y = seeded(F.dropout, x, 0.5)
    y.sum().backward()
    assert torch.equal(x.grad, y)


def test_a_checkpoint_drops_alike():
    x = torch.ones(1000, requires_grad=True)
    with installed():
        y = checkpoint(lambda x: F.dropout(x, 0.5).square(), x, use_reentrant=False)
        y.sum().backward()
    assert torch.equal(x.grad != 0, y != 0)


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_torchscript_is_served():
    model = torch.jit.script(nn.Sequential(nn.Dropout(0.5)))
    with installed():
        for _ in range(3):  # the second call is optimised
            assert same(seeded(model, X), seeded(functional.dropout, X, 0.5, True))
    assert not same(seeded(model, X), seeded(functional.dropout, X, 0.5, True))


# ------------------------------------------------------ calls that dropcore leaves to PyTorch


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


# --------------------------------------------------------------- install and uninstall


def test_twice_is_once():
    uninstall()  # nothing is installed
    install()
    once = state()
    install()
    assert state() == once != CLEAN
    uninstall()
    assert state() == CLEAN
    assert not is_installed()


def test_blocks_within_blocks():
    with installed():
        with installed():
            pass
        assert is_installed()
        install()
    assert is_installed()
    with installed():
        uninstall()
        assert is_installed()
    assert not is_installed()
    with pytest.raises(ZeroDivisionError), installed():
        1 / 0  # noqa: B018
    assert not is_installed()


def test_threads_that_install_and_drop_at_once():
    errors, dropped = [], []
    start = threading.Barrier(4)

    def toggle():
        start.wait()
        try:
            for _ in range(30):
                with installed():
                    F.dropout(X, 0.5)
        except Exception as error:
            errors.append(error)

    def drop():
        start.wait()
        try:
            x = torch.ones(100, requires_grad=True)
            while not dropped or any(each.is_alive() for each in threads[:2]):
                y = F.dropout(x, 0.5)
                assert torch.equal(torch.autograd.grad(y.sum(), x)[0], y)
                dropped.append(None)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=each) for each in (toggle, toggle, drop, drop)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert dropped
    assert not is_installed()


def in_worker(results):
    y = seeded(F.dropout, torch.ones(1000), 0.5)
    uninstall()
    results.put((y.tolist(), is_installed()))


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded")
def test_a_forked_worker():
    context = mp.get_context("fork")
    results = context.SimpleQueue()
    install()
    try:
        worker = context.Process(target=in_worker, args=(results,))
        worker.start()
        y, still = results.get()
        worker.join()
        assert is_installed()
    finally:
        uninstall()
    assert not still
    assert y == seeded(functional.dropout, torch.ones(1000), 0.5, True).tolist()


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("key", ["CPU", "AutogradCPU"])
def test_beside_a_library_that_overrides_the_same(key, first):
    def zeros(x, p, train):
        return torch.zeros_like(x)

    x = torch.ones(100) if key == "AutogradCPU" else torch.ones(100).to(torch.float32)
    if not first:
        install()
    library = torch.library.Library("aten", "IMPL")
    library.impl("dropout", zeros, key)
    if first:
        install()
    with torch.inference_mode(key == "CPU"):
        y = seeded(F.dropout, x, 0.5)
        if first:  # the last one installed serves the calls
            assert torch.equal(y, seeded(functional.dropout, x, 0.5, True))
            assert F.dropout(torch.arange(3), 0.0) is not None
        else:
            assert not y.any()
    uninstall()
    with torch.inference_mode(key == "CPU"):
        assert not F.dropout(x, 0.5).any()
    library._destroy()
    assert state() == CLEAN


def test_a_failure_leaves_nothing(monkeypatch):
    def refuse(*_, **__):
        raise OSError("no more")

    module = sys.modules["dropcore_torch.install"]
    monkeypatch.setattr(module.torch.library.Library, "impl", refuse)
    with pytest.raises(OSError, match="no more"):
        install()
    monkeypatch.undo()
    assert state() == CLEAN
    with installed():
        assert is_installed()
    monkeypatch.setattr(module, "get_kernel", None)
    with pytest.raises(RuntimeError, match=r"PyTorch must be 2\.9 or newer"):
        install()


# -------------------------------------------------------------------------------- audit


def test_the_audit_says_who_computes():
    model, x = Encoder(), torch.randn(3, 5, 16)
    before = dropcore_torch.audit(model, x).calls
    with installed():
        after = dropcore_torch.audit(model, x).calls
    assert {call.by for call in before} == {"PyTorch"}
    assert {call.by for call in after} == {"dropcore"}
    assert [(c.what, c.elements, c.p) for c in before] == [(c.what, c.elements, c.p) for c in after]


@pytest.mark.filterwarnings("ignore:.torch.jit")
def test_the_audit_of_torchscript():
    model = torch.jit.script(nn.Sequential(nn.Linear(7, 7), nn.Dropout(0.5)))
    assert {call.by for call in dropcore_torch.audit(model, X).calls} == {"other"}
    with installed():
        for _ in range(2):
            (call,) = dropcore_torch.audit(model, X).calls
            assert (call.by, call.p, call.elements) == ("dropcore", 0.5, X.numel())
