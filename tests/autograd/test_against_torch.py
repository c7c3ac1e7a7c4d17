"""Values, gradients and training runs agree with PyTorch to 1e-10, in float64."""

import numpy as np
import pytest

from dropcore import autograd as ag
from dropcore.autograd import Tensor

torch = pytest.importorskip("torch")
nn = torch.nn
F = torch.nn.functional

RNG = np.random.default_rng(8)


def assert_close(ours, theirs):
    assert np.isfinite(ours).all()
    np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-10, atol=1e-10)


def pair(*shape):
    """One random leaf, as a tensor of the engine and as a tensor of PyTorch."""
    data = RNG.normal(size=shape)
    return Tensor(data.copy(), requires_grad=True), torch.tensor(data, requires_grad=True)


def assert_same(ours, theirs, pairs):
    """Compare two results, and the gradients at the pairs of leaves."""
    assert_close(ours.data, theirs)
    dy = RNG.normal(size=ours.shape)
    ours.backward(dy)
    theirs.backward(torch.tensor(dy))
    for mine, other in pairs:
        assert_close(mine.grad, other.grad)


def everything(lib, x, image, w, kernel, bias, gamma, beta, stats, training):
    """A network with every operation; `lib` has the names that differ in the two libraries."""
    conv = lib.conv2d(image, kernel, bias, stride=2, padding=1)
    conv = lib.batch_norm(conv, gamma, beta, *stats, training)
    features = lib.relu(conv).reshape(4, -1)[:, 3:9]
    picked = features[[0, 2, 2, 1]] * 0.5 + features
    h = lib.tanh(x @ w + picked - 0.3)
    g = lib.sigmoid(lib.selu(h * 2) / (1.5 + h * h)) ** 3
    stacked = (g.reshape(2, 2, 6) @ w.T.reshape(1, 6, 5)).mean(axis=1)
    spread = lib.exp(-h).sum(axis=0, keepdims=True) + lib.maximum(g)
    mixed = lib.log_softmax(h + lib.log(spread)) * lib.softmax(g - 1 / spread)
    return stacked.sum() + mixed.mean(axis=(0, 1)) - (2 - lib.permute(mixed)).sum(axis=-1).mean()


class Ours:
    relu, tanh, sigmoid, selu = map(staticmethod, (ag.relu, ag.tanh, ag.sigmoid, ag.selu))
    exp, log, softmax, log_softmax = map(staticmethod, (ag.exp, ag.log, ag.softmax, ag.log_softmax))
    conv2d = staticmethod(ag.conv2d)

    @staticmethod
    def batch_norm(x, weight, bias, mean, var, training):
        return ag.batch_norm(x, weight, bias, mean, var, training=training)

    @staticmethod
    def maximum(x):
        return x.max(axis=1, keepdims=True)

    @staticmethod
    def permute(x):
        return x.reshape(2, 2, 6).transpose(2, 0, 1)


class Theirs:
    relu, tanh, sigmoid, selu = map(staticmethod, (torch.relu, torch.tanh, torch.sigmoid, F.selu))
    exp, log, conv2d = map(staticmethod, (torch.exp, torch.log, F.conv2d))

    @staticmethod
    def softmax(x):
        return F.softmax(x, dim=-1)

    @staticmethod
    def log_softmax(x):
        return F.log_softmax(x, dim=-1)

    @staticmethod
    def batch_norm(x, weight, bias, mean, var, training):
        return F.batch_norm(x, mean, var, weight, bias, training=training)

    @staticmethod
    def maximum(x):
        return x.amax(dim=1, keepdim=True)

    @staticmethod
    def permute(x):
        return x.reshape(2, 2, 6).permute(2, 0, 1)


@pytest.mark.parametrize("training", [True, False])
def test_a_network_with_every_operation(training):
    shapes = [(4, 5), (4, 2, 5, 6), (5, 6), (3, 2, 3, 3), (3,), (3,), (3,)]
    pairs = [pair(*shape) for shape in shapes]
    mean, var = RNG.normal(size=3), RNG.uniform(0.5, 2, 3)
    stats = [torch.tensor(mean), torch.tensor(var)]
    ours = everything(Ours, *[p[0] for p in pairs], (mean, var), training)
    theirs = everything(Theirs, *[p[1] for p in pairs], stats, training)
    assert_same(ours, theirs, pairs)
    assert_close(mean, stats[0])
    assert_close(var, stats[1])


@pytest.mark.parametrize(
    "name", ["relu", "tanh", "sigmoid", "selu", "exp", "softmax", "log_softmax", "maximum"]
)
def test_each_function(name):
    x, other = pair(5, 6)
    assert_same(getattr(Ours, name)(x), getattr(Theirs, name)(other), [(x, other)])


@pytest.mark.parametrize("name", ["relu", "selu", "max"])
def test_gradients_at_nan(name):
    data = [np.nan, 1.0, -1.0, 0.0]
    ours = Tensor(data, requires_grad=True)
    theirs = torch.tensor(data, dtype=torch.float64, requires_grad=True)
    for lib, x in ((Ours, ours), (Theirs, theirs)):
        (x.max() if name == "max" else getattr(lib, name)(x).sum()).backward()
    np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-14)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((2, 3), (3, 4)),
        ((3,), (3,)),
        ((3,), (5, 3, 4)),
        ((5, 4, 3), (3,)),
        ((2, 1, 4, 3), (5, 3, 2)),
    ],
)
def test_matmul(a, b):
    one, other = pair(*a), pair(*b)
    assert_same(one[0] @ other[0], one[1] @ other[1], [one, other])


@pytest.mark.parametrize(("stride", "padding"), [(1, 0), (1, 2), (2, 1), (3, 0)])
def test_conv2d(stride, padding):
    pairs = [pair(2, 3, 7, 8), pair(4, 3, 3, 2), pair(4)]
    options = {"stride": stride, "padding": padding}
    assert_same(
        ag.conv2d(*[p[0] for p in pairs], **options),
        F.conv2d(*[p[1] for p in pairs], **options),
        pairs,
    )


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("shape", [(6, 3), (4, 3, 5), (2, 3, 4, 4)])
def test_batch_norm(shape, training):
    pairs = [pair(*shape), pair(3), pair(3)]
    mean, var = RNG.normal(size=3), RNG.uniform(0.5, 2, 3)
    stats = [torch.tensor(mean), torch.tensor(var)]
    (x, w, b), (x2, w2, b2) = zip(*pairs, strict=True)
    assert_same(
        ag.batch_norm(x, w, b, mean, var, training=training, momentum=0.3, eps=1e-3),
        F.batch_norm(x2, *stats, w2, b2, training=training, momentum=0.3, eps=1e-3),
        pairs,
    )
    assert_close(mean, stats[0])
    assert_close(var, stats[1])


def test_losses():
    x, other = pair(6, 4)
    labels = RNG.integers(0, 4, 6)
    assert_same(
        ag.cross_entropy(x, labels), F.cross_entropy(other, torch.tensor(labels)), [(x, other)]
    )
    x, other = pair(6, 4)
    targets = RNG.uniform(size=(6, 4))
    assert_same(
        ag.binary_cross_entropy_with_logits(x, targets),
        F.binary_cross_entropy_with_logits(other, torch.tensor(targets)),
        [(x, other)],
    )


def models():
    ours = ag.Sequential(
        ag.Conv2d(1, 3, 3, padding=1, rng=0, dtype=np.float64),
        ag.BatchNorm(3, dtype=np.float64),
        ag.SELU(),
        ag.Flatten(),
        ag.Linear(48, 8, rng=1, dtype=np.float64),
        ag.Tanh(),
        ag.Linear(8, 8, rng=2, dtype=np.float64),
        ag.Sigmoid(),
        ag.ReLU(),
        ag.Linear(8, 4, rng=3, dtype=np.float64),
    )
    theirs = nn.Sequential(
        nn.Conv2d(1, 3, 3, padding=1),
        nn.BatchNorm2d(3),
        nn.SELU(),
        nn.Flatten(),
        nn.Linear(48, 8),
        nn.Tanh(),
        nn.Linear(8, 8),
        nn.Sigmoid(),
        nn.ReLU(),
        nn.Linear(8, 4),
    ).double()
    with torch.no_grad():
        for (name, mine), other in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            # The weight of a linear layer is (in, out) in the engine, and (out, in) in PyTorch.
            other.copy_(torch.tensor(mine.data.T if mine.ndim == 2 else mine.data))
            assert name in dict(theirs.named_parameters())
    return ours, theirs


OPTIMISERS = {
    "sgd": (lambda p: ag.SGD(p, lr=0.1), lambda p: torch.optim.SGD(p, lr=0.1)),
    "momentum": (
        lambda p: ag.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
    ),
    "adam": (lambda p: ag.Adam(p, lr=0.01), lambda p: torch.optim.Adam(p, lr=0.01)),
    "adam with decay": (
        lambda p: ag.Adam(p, lr=0.01, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
        lambda p: torch.optim.Adam(p, lr=0.01, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
    ),
}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_training_runs(name):
    x, labels = RNG.normal(size=(20, 1, 4, 4)), RNG.integers(0, 4, 20)
    x2, labels2 = torch.tensor(x), torch.tensor(labels)
    ours, theirs = models()
    optimiser, optimiser2 = (
        make(list(model.parameters()))
        for make, model in zip(OPTIMISERS[name], (ours, theirs), strict=True)
    )
    for _ in range(15):
        loss, loss2 = ag.cross_entropy(ours(x), labels), F.cross_entropy(theirs(x2), labels2)
        assert_close(loss.data, loss2)
        optimiser.zero_grad()
        theirs.zero_grad()
        loss.backward()
        loss2.backward()
        optimiser.step()
        optimiser2.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert_close(mine.data.T if mine.ndim == 2 else mine.data, other)
    assert_close(ours.eval()(x).data, theirs.eval()(x2))
