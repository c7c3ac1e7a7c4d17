"""The node in C++: built on request, found by later processes, and equal to the function."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from dropcore_torch import node, paths
from dropcore_torch.functional import dropout
from expected import LAYOUTS, NoGradient, core, same_bits

import dropcore

DRAW = dropcore.Stream(5).at(9)
BY = "import torch, dropcore_torch.paths as paths; print(paths.in_use())"


def python(code, **environment):
    """The text that a new process prints."""
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


# ------------------------------------------------------------------------- which path


def test_a_later_process_uses_what_was_built(built_node):
    assert python(BY, DROPCORE_TORCH_NODE="1").stdout == "node\n"


def test_it_can_be_switched_off(built_node):
    assert python(BY, DROPCORE_TORCH_NODE="0").stdout == "function\n"
    assert "must be 0 or 1, not 'no'" in python(BY, DROPCORE_TORCH_NODE="no").stderr


def test_an_import_builds_nothing(tmp_path):
    assert python(BY, TORCH_EXTENSIONS_DIR=str(tmp_path)).stdout == "function\n"
    assert not list(tmp_path.iterdir())


def test_a_build_that_cannot_be_loaded_is_a_warning(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    node.build_path().parent.mkdir()
    node.build_path().write_bytes(b"")
    done = python(BY)
    assert done.stdout == "function\n"
    assert "RuntimeWarning: dropout works without its node in C++" in done.stderr
    assert "the command dropcore-torch-node builds the node again" in done.stderr


def test_paths_that_are_none(monkeypatch):
    with pytest.raises(ValueError, match="path must be 'node' or 'function', not 'C'"):
        paths.use("C")
    monkeypatch.setattr(paths, "_node", None)
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", os.devnull)
    with pytest.raises(LookupError, match="build_node"):
        paths.use("node")


@pytest.mark.parametrize(
    "change",
    [
        lambda patch: patch.setattr(torch, "__version__", "9.9"),
        lambda patch: patch.setattr(dropcore, "__version__", "9.9"),
        lambda patch: patch.setattr(node, "SOURCES", Path(__file__).parent),
    ],
)
def test_each_version_has_a_build_of_its_own(change, monkeypatch):
    before = node.build_path()
    change(monkeypatch)
    assert node.build_path() != before


# -------------------------------------------------------------------------- building


def test_without_a_compiler(tmp_path, monkeypatch):
    """The error names the missing compiler, no file is left, and dropout still works."""
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path))
    for name in ("CC", "CXX"):
        monkeypatch.setenv(name, str(tmp_path / "no-compiler"))
    monkeypatch.setattr(paths, "_node", None)
    before = paths.in_use()
    with pytest.raises(RuntimeError, match=r"(?s)needs a C\+\+ compiler.*no-compiler"):
        paths.build_node()
    assert paths.in_use() == before
    assert not list(tmp_path.iterdir())
    assert dropout(torch.ones(9), 0.5, True).shape == (9,)


@pytest.fixture
def compiler(tmp_path, monkeypatch, built_node):
    """A slow compiler whose output is the module that was built already."""
    script = tmp_path / "compiler"
    script.write_text(
        f"""#!{sys.executable}
import shutil, sys, time
from pathlib import Path
if "-o" in sys.argv:
    target = Path(sys.argv[sys.argv.index("-o") + 1])
    Path({str(tmp_path)!r}, "begun").touch()
    time.sleep(0.5)
    shutil.copy({str(node.build_path())!r}, target)
""",
        "utf-8",
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("TORCH_EXTENSIONS_DIR", str(tmp_path / "extensions"))
    for name in ("CC", "CXX"):
        monkeypatch.setenv(name, str(script))
    return tmp_path


def start():
    return subprocess.Popen(
        [sys.executable, "-c", "from dropcore_torch.node import main; main([])"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def test_two_processes_build_at_once(compiler):
    both = [start() for _ in range(2)]
    for process in both:
        printed, _ = process.communicate()
        assert process.returncode == 0, printed
        assert str(node.build_path()) in printed
    assert list(node.build_path().parent.iterdir()) == [node.build_path()]
    assert python(BY).stdout == "node\n"


def test_a_build_that_is_interrupted(compiler):
    process = start()
    while not (compiler / "begun").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert not (compiler / "extensions").exists()
    assert python(BY).stdout == "function\n"


# ------------------------------------------------------------------ the same by both

OPTIONS = {
    "standard": {},
    "alpha": {"variant": "alpha"},
    "channels": {"shared_axes": (2, 3)},
    "first axis": {"shared_axes": 0},
    "alpha, last axis": {"variant": "alpha", "shared_axes": -1},
}
SHAPES = [(2, 3, 4, 5), (1, 4, 1, 9), (3, 16, 8, 8), (2, 5, 41, 43)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)
def test_values_strides_and_draws(options, layout, dtype, built_node):
    for shape in SHAPES:
        x = LAYOUTS[layout](torch.randn(shape).to(dtype)).detach().requires_grad_()
        shape = x.shape
        gradients = [
            torch.randn(shape).to(dtype),
            torch.ones(1, dtype=dtype).expand(shape),
            LAYOUTS["with gaps"](torch.randn(shape).to(dtype)),
            x.detach() * 3,
        ]
        function, through_node = (
            outcome(path, x, gradients, options) for path in ("function", "node")
        )
        assert function == through_node


def outcome(path, x, gradients, options):
    """All results of a call and its backward passes."""
    before = paths.in_use()
    paths.use(path)
    try:
        torch.manual_seed(3)
        y = dropout(x, 0.3, True, **options)
        found = [y, dropout(x.detach(), 0.3, True, **options)]
        state = torch.get_rng_state()
        for dy in gradients:
            found += torch.autograd.grad(y, x, dy, retain_graph=True)
    finally:
        paths.use(before)
    return [state.tolist(), *[(each.stride(), bits(each)) for each in found]]


def bits(x):
    return x.detach().double().numpy().tobytes()


@pytest.mark.parametrize("n", [16, 5000, 1 << 20])
def test_the_node_s_graph_is_pytorch_s(n, built_node):
    """The name of the node, its hooks, and a gradient that another hook accumulates."""
    before = paths.in_use()
    paths.use("node")
    try:
        x = torch.ones(n, requires_grad=True)
        y = dropout(x, 0.5, True, rng=DRAW)
    finally:
        paths.use(before)
    assert y.grad_fn.name() == "DropcoreDropoutBackward"
    assert y.grad_fn.next_functions[0][0].variable is x
    seen = []
    y.grad_fn.register_hook(lambda inputs, outputs: seen.append((inputs[0], outputs[0])))
    y.backward(torch.full((n,), 2.0))
    ((dx, dy),) = seen
    assert torch.equal(dy, torch.full((n,), 2.0))
    assert torch.equal(dx, 2 * y.detach())
    assert torch.equal(x.grad, dx)


def test_a_gradient_that_is_not_there(built_node):
    """A later function whose backward pass returns no gradient."""
    found, before = [], paths.in_use()
    for path in ("function", "node"):
        paths.use(path)
        x = torch.ones(9, requires_grad=True)
        NoGradient.apply(dropout(x, 0.5, True)).sum().backward()
        found.append(x.grad)
    paths.use(before)
    assert torch.equal(found[0], found[1])


# ------------------------------------------------------------------------- threads

SHARED_OUT = {
    "elements": ((300, 701), {}),
    "channels": ((33, 12, 22, 19), {"shared_axes": (2, 3)}),
    "channels, their bits within bytes": ((70, 5, 20, 21), {"shared_axes": (2, 3)}),
    "batch": ((30, 12, 22, 19), {"shared_axes": 0}),
    "alpha": ((64, 2500), {"variant": "alpha"}),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("shape", SHARED_OUT)
def test_threads_of_pytorch_change_no_bit(shape, layout, built_node):
    lengths, options = SHARED_OUT[shape]
    before, path = torch.get_num_threads(), paths.in_use()
    found = []
    try:
        paths.use("node")
        for threads in (1, 2, 3, 8):
            torch.set_num_threads(threads)
            generator = torch.Generator().manual_seed(1)
            x = LAYOUTS[layout](torch.randn(lengths, generator=generator)).requires_grad_()
            y = dropout(x, 0.3, True, rng=DRAW, **options)
            (dx,) = torch.autograd.grad(y, x, y.detach())
            found.append((y.detach(), dx))
    finally:
        paths.use(path)
        torch.set_num_threads(before)
    for y, dx in found[1:]:
        assert torch.equal(y, found[0][0])
        assert torch.equal(dx, found[0][1])
    assert same_bits(found[0][0], core(x, 0.3, DRAW, **options)[0])
