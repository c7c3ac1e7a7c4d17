"""`install`: PyTorch's operators use dropcore for supported calls; `uninstall` restores all."""

import sys
import threading

import dropcore_torch
import pytest
import torch
import torch.multiprocessing as mp
from dropcore_torch import functional, install, installed, is_installed, uninstall
from installing import CLEAN, DTYPES, X, same, seeded, state
from torch import nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

pytestmark = pytest.mark.usefixtures("clean")

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
