"""Attention in autograd's graph: what is saved and freed, hooks, modes, checkpoints, threads.

By all three ways of computing it, if it is not said otherwise.
"""

import gc
import threading
import weakref

import pytest
import torch
from attending import CLOSE, NODES, call, given
from dropcore_torch.functional import attention
from torch.autograd.graph import save_on_cpu, saved_tensors_hooks
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

pytestmark = pytest.mark.usefixtures("way")

only_in_the_node = pytest.mark.parametrize("way", ["node"], indirect=True)


def test_it_is_computed_the_way_that_is_tested(way):
    assert call(*given()).grad_fn.name() == NODES[way]


# --------------------------------------------------------------------- saved tensors


def test_a_second_backward_pass_is_refused_as_pytorch_refuses_it():
    y = call(*given())
    y.sum().backward()
    with pytest.raises(RuntimeError, match="a second time"):
        y.sum().backward()


def test_a_graph_that_is_retained():
    own = given()
    y = call(*own)
    first, again = (torch.autograd.grad(y.square().sum(), own, retain_graph=True) for _ in range(2))
    torch.testing.assert_close(again, first, rtol=0, atol=0)
    y.square().sum().backward()
    torch.testing.assert_close([x.grad for x in own], list(first), rtol=0, atol=0)


def test_backward_frees_what_was_saved(way):
    packed = []

    class Saved:
        pass

    def pack(x):
        saved = Saved()
        saved.tensor = x.detach()
        packed.append(weakref.ref(saved))
        return saved

    with saved_tensors_hooks(pack, lambda saved: saved.tensor):
        y = call(*given())
    assert all(each() is not None for each in packed)
    loss = y.sum()
    loss.backward()
    gc.collect()
    assert packed
    assert all(each() is None for each in packed)


def test_a_graph_that_is_dropped_frees_what_was_saved():
    own = given()
    inner = [x * 1 for x in own]
    living = [weakref.ref(x) for x in inner]
    y = call(*inner)
    gc.disable()  # so no reference cycle may exist
    try:
        del inner, y
        assert all(each() is None for each in living)
    finally:
        gc.enable()


@only_in_the_node
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_hooks_see_what_is_saved(dtype):
    mask = torch.ones(20, 20, dtype=torch.bool).tril()
    seen = []
    with saved_tensors_hooks(lambda x: seen.append(x) or x, lambda x: x):
        own = given(dtype)
        y = call(*own, mask)
    assert [tuple(x.shape) for x in seen] == [*[(2, 3, 20, 6)] * 3, (20, 20), y.shape, (2, 120)]
    assert [x.dtype for x in seen] == [*[dtype] * 3, torch.bool, *[torch.float32] * 2]
    memory = [x.data_ptr() for x in (*own, mask)]
    assert [x.data_ptr() for x in seen[:4]] == memory
    assert y.data_ptr() not in [x.data_ptr() for x in seen]


def test_memory_does_not_grow_with_the_square_of_the_length(way):
    def saved(length):
        sizes = []
        with saved_tensors_hooks(lambda x: sizes.append(x.numel()) or x, lambda x: x):
            call(*given(length=length))
        return sum(sizes)

    assert (saved(512) < 3 * saved(256)) == (way != "all weights")


def test_saved_tensors_that_come_back_from_elsewhere():
    own = given()
    expected = torch.autograd.grad(call(*own).square().sum(), own)
    with save_on_cpu():
        y = call(*own)
    torch.testing.assert_close(torch.autograd.grad(y.square().sum(), own), expected)


@only_in_the_node
def test_saved_tensors_that_come_back_changed():
    """What hooks return is checked before its memory is read."""
    own = given()
    dy = torch.ones(2, 3, 20, 6)
    expected = torch.autograd.grad(call(*own), own, dy)

    def gradients(unpack):
        with saved_tensors_hooks(lambda x: x, unpack):
            y = call(*own)
        return torch.autograd.grad(y, own, dy)

    for unpack in (
        lambda x: x.double(),
        lambda x: x.mT.contiguous().mT,
        lambda x: x[:1] if x.shape[0] == 2 and x.dim() == 2 else x,  # tops without factors
        lambda x: x[..., :1] if x.dim() == 2 else x,
    ):
        found = gradients(unpack)
        torch.testing.assert_close(found, expected, **CLOSE)
    for unpack in (lambda x: x[:1, :1], lambda x: x[..., :3, :]):
        with pytest.raises((RuntimeError, ValueError)):
            gradients(unpack)


@pytest.mark.parametrize("way", ["node", "blocks"], indirect=True)
def test_an_input_that_is_changed_in_place():
    for place in range(3):
        own = given()
        inner = [x * 1 for x in own]
        y = call(*inner)
        inner[place].mul_(2)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            y.sum().backward()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_an_output_may_be_changed_in_place(dtype):
    own = given(dtype)
    y = call(*own)
    expected = torch.autograd.grad(y.sum() * 2, own, retain_graph=True)
    found = torch.autograd.grad(y.mul_(2).sum(), own)
    torch.testing.assert_close(found, expected)


def test_an_output_whose_memory_is_written_to():
    own = given()
    y = call(*own)
    dy = torch.ones_like(y)
    expected = torch.autograd.grad(y, own, dy, retain_graph=True)
    y.data.fill_(1e9)
    torch.testing.assert_close(torch.autograd.grad(y, own, dy), expected)


# ------------------------------------------------- checkpoints, threads, modes, anomalies


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpoints(reentrant):
    own = given()

    def step():
        torch.manual_seed(4)
        return own

    step()
    expected = torch.autograd.grad(attention(*own, None, 0.3).square().sum(), own)
    step()
    checkpoint(attention, *own, None, 0.3, use_reentrant=reentrant).square().sum().backward()
    torch.testing.assert_close(tuple(x.grad for x in own), expected)


def test_backward_in_other_threads():
    own = given(length=150)
    y = call(*own)
    expected = torch.autograd.grad(y.square().sum(), own, retain_graph=True)
    found = {}

    def run(number):
        found[number] = torch.autograd.grad(y.square().sum(), own, retain_graph=True)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(4):
        torch.testing.assert_close(found[number], expected, rtol=0, atol=0)


def test_errors_of_hooks_in_any_thread():
    def fail(x):
        raise LookupError("a hook")

    def run(found):
        with saved_tensors_hooks(lambda x: x, fail):
            y = call(*given())
        try:
            y.sum().backward()
        except LookupError as error:
            found.append(str(error))

    found = []
    run(found)
    thread = threading.Thread(target=run, args=(found,))
    thread.start()
    thread.join()
    assert found == ["a hook"] * 2


def test_a_backward_pass_that_modes_see():
    own, dy = given(), torch.randn(2, 3, 20, 6)
    expected = torch.autograd.grad(call(*own), own, dy)

    class Functions(TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            return function(*args, **(kwargs or {}))

    class Operators(TorchDispatchMode):
        def __torch_dispatch__(self, operator, types, args=(), kwargs=None):
            seen.append(operator)
            return operator(*args, **(kwargs or {}))

    for mode in (Functions, Operators):
        y, seen = call(*own), []
        with mode():
            found = torch.autograd.grad(y, own, dy)
        torch.testing.assert_close(found, expected, **CLOSE)
        assert not any(x.requires_grad for x in found)
    assert any("softmax" in str(operator) for operator in seen)


@only_in_the_node
def test_the_node_s_graph_is_pytorch_s():
    own = given()
    y = call(*own)
    assert [edge[0].variable for edge in y.grad_fn.next_functions] == own
    seen = []
    y.grad_fn.register_hook(lambda inputs, outputs: seen.append((inputs, outputs)))
    y.backward(torch.ones_like(y))
    ((inputs, outputs),) = seen
    assert torch.equal(outputs[0], torch.ones_like(y))
    assert all(torch.equal(dx, x.grad) for dx, x in zip(inputs, own, strict=True))


@pytest.mark.filterwarnings("ignore:Anomaly Detection:UserWarning")
def test_anomalies_are_found():
    own = given()
    with torch.autograd.detect_anomaly():
        y = call(*own)
        dy = torch.full_like(y, torch.nan)
        with (
            pytest.warns(UserWarning, match="Error detected in"),
            pytest.raises(RuntimeError, match="returned nan values"),
        ):
            torch.autograd.grad(y, own, dy)
