"""The examples, built outside of the source tree, give the bits of dropcore.dropout."""

import array
import shlex
import threading

import numpy as np
import pytest
from engines.building import load, run

import dropcore

RATES = [0.0, 0.003, 0.1, 0.25, 0.5, 1.0]


def numbers(shape, seed=0):
    return np.random.default_rng(seed).normal(0, 1, shape).astype(np.float32)


# ---------------------------------------------------------------- cython_engine

ROWS, P, SEED = 8, 0.3, 42


@pytest.fixture(scope="module")
def network(cython_engine):
    return load(cython_engine, "network")


def weights():
    return [numbers(shape, seed) / 4 for seed, shape in enumerate([(3, 40), (40, 50), (50, 2)])]


def batch(step):
    return numbers((ROWS, 3), 100 + step), numbers((ROWS, 2), 200 + step)


def reference_step(step, weights, x, target, rate):
    """The training step of the examples, in NumPy with dropcore.dropout; changes `weights`."""
    inputs, masks, hidden = [x], [], []
    for layer, w in enumerate(weights[:-1]):
        hidden.append(np.maximum(inputs[-1] @ w, 0))
        draw = dropcore.Stream(SEED, ("layer", layer)).at(step)
        y, mask = dropcore.dropout(hidden[-1], P, training=True, rng=draw)
        inputs.append(y)
        masks.append(mask)
    slope = (inputs[-1] @ weights[-1] - target) / ROWS
    loss = (slope**2).sum() * ROWS / 2
    for layer in reversed(range(len(weights))):
        gradient = inputs[layer].T @ slope
        if layer:
            slope = masks[layer - 1].backward(slope @ weights[layer].T)
            slope *= hidden[layer - 1] > 0
        weights[layer] -= rate * gradient
    return loss


def test_the_network_drops_what_dropout_drops(network):
    net = network.Network(weights(), ROWS, P, SEED)
    for step in range(3):
        net.train(*batch(step), 0.05)
        for layer, (h, y, _, bits) in enumerate(net.arrays[:-1]):
            draw = dropcore.Stream(SEED, ("layer", layer)).at(step)
            expected, mask = dropcore.dropout(h, P, training=True, rng=draw)
            np.testing.assert_array_equal(y, expected)
            np.testing.assert_array_equal(bits, mask.packed)
            assert 0 < mask.keep.mean() < 1


def test_a_whole_step_is_that_of_numpy(network):
    ours, theirs = weights(), weights()
    net = network.Network(ours, ROWS, P, SEED)
    for step in range(5):
        loss = net.train(*batch(step), 0.05)
        expected = reference_step(step, theirs, *batch(step), 0.05)
        np.testing.assert_allclose(loss, expected, rtol=1e-4)
    for a, b, first in zip(ours, theirs, weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
        assert (a != first).any()


def test_networks_train_beside_each_other(network):
    def trained():
        net = network.Network(mine := weights(), ROWS, P, SEED)
        for step in range(50):
            net.train(*batch(step), 0.05)
        results.append(mine)

    results = []
    threads = [threading.Thread(target=trained) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_network_learns_and_its_masks_can_be_had_again(cython_engine):
    *losses, last = run(["train.py"], cython_engine).splitlines()
    first, *_, final = (float(line.split()[-1]) for line in losses)
    assert final < first / 4
    assert last.endswith("True")


# -------------------------------------------------------------------- c_capsule


@pytest.fixture(scope="module")
def inplace(c_capsule):
    return load(c_capsule, "inplace")


@pytest.mark.parametrize("p", RATES)
@pytest.mark.parametrize("code", ["f", "d"])
@pytest.mark.parametrize("n", [0, 1, 9, 20_000])
def test_c_forward_and_backward(inplace, code, p, n):
    x, draw = numbers(n).astype(code), dropcore.Stream(7).at(3)
    buffer = array.array(code, x.tobytes())
    expected, mask = dropcore.dropout(x, p, training=True, rng=draw)
    bits = inplace.forward(buffer, p, draw)
    assert buffer.tobytes() == expected.tobytes()
    assert bits == mask.packed.tobytes()
    inplace.backward(buffer, p, bits)
    assert buffer.tobytes() == mask.backward(expected).tobytes()


def test_c_takes_the_next_draw_of_a_stream(inplace):
    stream, buffer = dropcore.Stream(1), np.ones(100, np.float32)
    inplace.forward(buffer, 0.5, stream)
    assert stream.position == 1
    expected = dropcore.dropout(np.ones(100, np.float32), 0.5, training=True, rng=stream.at(0))[0]
    np.testing.assert_array_equal(buffer, expected)


@pytest.mark.parametrize(
    ("buffer", "p", "rng", "error"),
    [
        (b"12345678", 0.5, 1, BufferError),
        (bytearray(8), 0.5, 1, TypeError),
        (array.array("f", [1, 2]), 1.5, 1, ValueError),
        (array.array("f", [1, 2]), 0.5, "seed", TypeError),
    ],
)
def test_a_refused_call_in_c_changes_nothing(inplace, buffer, p, rng, error):
    before = bytes(buffer)
    with pytest.raises(error):
        inplace.forward(buffer, p, rng)
    assert bytes(buffer) == before


def test_the_command_of_the_c_readme(c_capsule):
    command = shlex.split((c_capsule / "README.md").read_text("utf-8").splitlines()[-1])
    assert command[:2] == ["python", "-c"]
    expected, _ = dropcore.dropout(np.ones(8, np.float32), 0.5, training=True, rng=42)
    assert run(command[1:], c_capsule).strip() == repr(array.array("f", expected.tobytes()))


# ------------------------------------------------------------------- numba_njit


@pytest.fixture(scope="module")
def sampling(numba_njit):
    return load(numba_njit, "sampling")


def utf8(text):
    return np.frombuffer(text.encode("utf-8"), np.uint8)


def test_numba_has_the_keys_of_streams(sampling):
    for seed, name in [(0, ""), (42, "head"), (2**64 - 1, "é" * 100)]:
        draw = sampling.first_draw(np.uint64(seed), utf8(name))
        expected = dropcore.Stream(seed, (name,)).at(0)
        key = np.frombuffer(expected.key, "<u4")
        np.testing.assert_array_equal(draw[:4].view(np.uint32), key)
        assert draw[4] == 0


@pytest.mark.parametrize("p", RATES)
def test_numba_forward_and_backward(sampling, p):
    x, dy = numbers(20_001, 1), numbers(20_001, 2)
    y, dx, bits = np.empty_like(x), np.empty_like(x), np.empty(2501, np.uint8)
    draw = sampling.first_draw(np.uint64(42), utf8("head"))
    address = dropcore.Stream(42, ("head",)).at(0)
    expected, mask = dropcore.dropout(x, p, training=True, rng=address)
    sampling.forward(draw, p, x, y, bits)
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_array_equal(bits, mask.packed)
    sampling.backward(draw, p, dy, dx)
    np.testing.assert_array_equal(dx, mask.backward(dy))


def test_numba_samples_sub_networks(sampling):
    hidden, w, stream = numbers(300, 1), numbers(300, 2), dropcore.Stream(42, ("head",))
    draw = sampling.first_draw(np.uint64(42), utf8("head"))
    mean, spread = sampling.sampled(hidden, w, 0.5, draw, 40)
    outputs = [
        dropcore.dropout(hidden, 0.5, training=True, rng=stream.at(k))[0].astype(float) @ w
        for k in range(40)
    ]
    np.testing.assert_allclose(mean, np.mean(outputs), rtol=1e-4)
    np.testing.assert_allclose(spread, np.std(outputs), rtol=1e-4)


def test_the_numba_example_runs(numba_njit):
    assert "sampled" in run(["sampling.py"], numba_njit)


# ------------------------------------------------------------------- rust_table


@pytest.fixture(scope="module")
def rust(rust_table):
    return load(rust_table, "run")


def test_rust_runs_as_its_page_says(rust_table):
    assert "the same elements" in run(["run.py"], rust_table)


@pytest.mark.parametrize("p", RATES)
@pytest.mark.parametrize(("n", "threads"), [(0, 1), (1, 3), (8192, 2), (20_001, 1), (20_001, 2)])
def test_rust_drops_what_dropout_drops(rust, p, n, threads):
    x = numbers(n)
    draw = dropcore.Stream(SEED, ("hidden",)).at(3)
    expected, _ = dropcore.dropout(np.maximum(x, 0), p, training=True, rng=draw)
    rust.hidden(x, p, SEED, 3, threads)
    np.testing.assert_array_equal(x, expected)


def test_rust_refuses_what_it_cannot_use(rust, monkeypatch):
    import ctypes

    with pytest.raises(ValueError, match="p must be"):
        rust.hidden(numbers(3), float("nan"), SEED, 0, 1)
    other = (ctypes.c_uint32 * 256)(2, 1024)
    monkeypatch.setattr(rust, "TABLE", ctypes.addressof(other))
    with pytest.raises(ValueError, match="another ABI"):
        rust.hidden(numbers(3), 0.5, SEED, 0, 1)
