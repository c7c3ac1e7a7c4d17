"""Convolution, batch normalisation and losses against their definitions."""

import numpy as np
import pytest

from dropcore.autograd import (
    Tensor,
    batch_norm,
    binary_cross_entropy_with_logits,
    conv2d,
    cross_entropy,
)

RNG = np.random.default_rng(5)


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (2, 0), (1, 2), (3, 1)])
def test_conv2d_is_its_definition(stride, padding):
    x, w, b = RNG.normal(size=(2, 3, 6, 7)), RNG.normal(size=(4, 3, 3, 2)), RNG.normal(size=4)
    y = conv2d(Tensor(x), Tensor(w), Tensor(b), stride=stride, padding=padding).data
    padded = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    height, width = (6 + 2 * padding - 3) // stride + 1, (7 + 2 * padding - 2) // stride + 1
    assert y.shape == (2, 4, height, width)
    for n, o, i, j in np.ndindex(y.shape):
        window = padded[n, :, i * stride : i * stride + 3, j * stride : j * stride + 2]
        np.testing.assert_allclose(y[n, o, i, j], (window * w[o]).sum() + b[o], rtol=1e-12)


@pytest.mark.parametrize(
    ("x", "w", "options", "message"),
    [
        ((3, 4, 4), (1, 3, 2, 2), {}, r"x must have shape \(batch, .*, not \(3, 4, 4\)"),
        (
            (1, 3, 4, 4),
            (1, 2, 2, 2),
            {},
            r"weight must have shape \(out_channels, 3, .*, not \(1, 2, 2, 2\)",
        ),
        ((1, 3, 4, 4), (1, 3, 2), {}, "weight must have shape"),
        ((1, 3, 4, 4), (1, 3, 2, 2), {"stride": 0}, "stride must be 1 or more, .* not 0"),
        ((1, 3, 4, 4), (1, 3, 2, 2), {"padding": -1}, "padding must be 0 or more, .* not -1"),
        ((1, 3, 4, 4), (1, 3, 7, 1), {"padding": 1}, "as large as the window .* not shape"),
        ((1, 3, 4, 4), (1, 3, 0, 2), {}, r"weight must have a window .*, not shape \(1, 3, 0, 2\)"),
        ((1, 3, 4, 4), (1, 3, 2, 2), {"stride": 1.5}, "stride must be an integer, not 1.5"),
        (
            (1, 3, 4, 4),
            (1, 3, 2, 2),
            {"padding": (1, 1)},
            r"padding must be an integer, not \(1, 1\)",
        ),
        (
            (1, 3, 4, 4),
            (1, 3, 2, 2),
            {"bias": Tensor(np.ones(5))},
            r"bias must have shape \(1,\) as the kernels of weight, not \(5,\)",
        ),
    ],
)
def test_conv2d_names_what_does_not_fit(x, w, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        conv2d(Tensor(np.ones(x)), Tensor(np.ones(w)), **options)


@pytest.mark.parametrize(
    ("x", "w", "y"),
    [
        ((0, 3, 4, 4), (2, 3, 2, 2), (0, 2, 3, 3)),
        ((2, 3, 4, 4), (0, 3, 2, 2), (2, 0, 3, 3)),
        ((2, 0, 4, 4), (5, 0, 2, 2), (2, 5, 3, 3)),
    ],
)
def test_conv2d_of_nothing(x, w, y):
    a, b = Tensor(np.ones(x), requires_grad=True), Tensor(np.ones(w), requires_grad=True)
    result = conv2d(a, b)
    result.sum().backward()
    assert (result.shape, a.grad.shape, b.grad.shape) == (y, x, w)


def normalise(x, mean, var, *, training, **options):
    channels = x.shape[1]
    weight, bias = Tensor(np.ones(channels)), Tensor(np.zeros(channels))
    return batch_norm(Tensor(x), weight, bias, mean, var, training=training, **options).data


@pytest.mark.parametrize("shape", [(8, 3), (4, 3, 5), (4, 3, 2, 2)])
def test_batch_norm_in_training_gives_mean_0_and_variance_1(shape):
    x = RNG.normal(3, 2, size=shape)
    y = normalise(x, np.zeros(3), np.ones(3), training=True, eps=0)
    others = (0, *range(2, len(shape)))
    np.testing.assert_allclose(y.mean(axis=others), 0, atol=1e-12)
    np.testing.assert_allclose(y.var(axis=others), 1)


def test_batch_norm_moves_the_running_statistics_in_training_only():
    x, mean, var = RNG.normal(size=(8, 3)), np.full(3, 2.0), np.full(3, 4.0)
    normalise(x, mean, var, training=False)
    np.testing.assert_array_equal([mean, var], [[2] * 3, [4] * 3])
    normalise(x, mean, var, training=True, momentum=0.25)
    np.testing.assert_allclose(mean, 0.75 * 2 + 0.25 * x.mean(axis=0))
    np.testing.assert_allclose(var, 0.75 * 4 + 0.25 * x.var(axis=0, ddof=1))


def test_batch_norm_in_inference_is_affine():
    x, mean, var = RNG.normal(size=(8, 3)), np.array([1.0, 2, 3]), np.array([4.0, 9, 16])
    y = normalise(x, mean, var, training=False, eps=0)
    np.testing.assert_allclose(y, (x - [1, 2, 3]) / [2, 3, 4])


def test_batch_norm_names_what_does_not_fit():
    three, two = np.ones(3), np.ones(2)
    with pytest.raises(
        ValueError, match=r"running_var must have shape \(3,\) as the channels of x, not \(2,\)"
    ):
        normalise(np.ones((4, 3)), three, two, training=True)
    with pytest.raises(ValueError, match=r"x must have shape \(batch, channels, ...\), not \(3,\)"):
        batch_norm(Tensor(three), Tensor(three), Tensor(three), three, three, training=True)
    with pytest.raises(ValueError, match="two values or more in each channel in training, not 1"):
        normalise(np.ones((1, 3)), three, three, training=True)


def test_batch_norm_writes_nothing_before_it_refuses():
    x, mean, frozen = RNG.normal(size=(4, 3)), np.zeros(3), np.ones(3)
    frozen.flags.writeable = False
    for var in (np.ones(3, int), frozen):
        with pytest.raises(ValueError, match=r"running_var must be floats .*, not \w+"):
            normalise(x, mean, var, training=True)
        normalise(x, mean, var, training=False)
    for options in ({"eps": -1}, {"momentum": np.nan}):
        with pytest.raises(ValueError, match=f"{next(iter(options))} must be "):
            normalise(x, mean, np.ones(3), training=True, **options)
    assert not mean.any()


def test_cross_entropy_is_its_definition():
    logits, labels = RNG.normal(size=(5, 4)), np.array([0, 3, 1, 1, 2])
    probability = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = -np.log(probability[np.arange(5), labels]).mean()
    np.testing.assert_allclose(cross_entropy(Tensor(logits), labels).data, expected)
    np.testing.assert_allclose(cross_entropy(logits, labels.astype(np.uint8)).data, expected)


def test_binary_cross_entropy_is_its_definition():
    logits, targets = RNG.normal(size=(5, 4)), RNG.uniform(size=(5, 4))
    s = 1 / (1 + np.exp(-logits))
    expected = -(targets * np.log(s) + (1 - targets) * np.log(1 - s)).mean()
    np.testing.assert_allclose(binary_cross_entropy_with_logits(logits, targets).data, expected)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_losses_of_extreme_logits_are_finite(dtype):
    x = Tensor(np.array([[1e4, -1e4]], dtype), requires_grad=True)
    y = cross_entropy(x, [1]) + binary_cross_entropy_with_logits(x, [[False, True]])
    y.backward()
    assert y.item() == 3e4
    np.testing.assert_array_equal(x.grad, [[1.5, -1.5]])


@pytest.mark.parametrize(
    ("shape", "labels", "error", "message"),
    [
        ((2, 3), [0.0, 1.0], TypeError, "labels must be integers, not of dtype float64"),
        ((2, 3), [True, False], TypeError, "labels must be integers, not of dtype bool"),
        ((2, 3), [0], ValueError, r"labels must have shape \(2,\), not \(1,\)"),
        ((2, 3), [[0], [1]], ValueError, r"labels must have shape .* not \(2, 1\)"),
        ((2, 3), [0, 3], ValueError, "labels must be from 0 to 2, not from 0 to 3"),
        ((2, 3), [-1, 0], ValueError, "labels must be .* not from -1 to 0"),
        ((3,), [0, 1, 2], ValueError, r"logits must have shape \(batch, classes\), .* not \(3,\)"),
        ((0, 3), np.zeros(0, int), ValueError, r"logits must have shape .* not \(0, 3\)"),
    ],
)
def test_cross_entropy_names_what_does_not_fit(shape, labels, error, message):
    with pytest.raises(error, match=message):
        cross_entropy(Tensor(np.zeros(shape)), labels)


@pytest.mark.parametrize(
    ("shape", "targets", "error", "message"),
    [
        (
            (2, 1),
            [0, 1],
            ValueError,
            r"targets must have shape \(2, 1\) as the logits, not \(2,\)",
        ),
        ((2,), [0, 1.5], ValueError, "targets must be from 0 to 1, not from 0.0 to 1.5"),
        ((2,), [0, np.nan], ValueError, "targets must be .* not from nan"),
        ((2,), ["a", "b"], TypeError, "targets must be .* not of dtype"),
        ((0,), np.zeros(0), ValueError, "logits must have one element or more"),
    ],
)
def test_binary_cross_entropy_names_what_does_not_fit(shape, targets, error, message):
    with pytest.raises(error, match=message):
        binary_cross_entropy_with_logits(Tensor(np.zeros(shape)), targets)
