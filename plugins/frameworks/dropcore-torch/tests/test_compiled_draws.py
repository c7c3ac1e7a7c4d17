"""Compiled or not, a call takes the same draw: whatever `rng` is, and whatever it was before.

A compiler can mistake a value for a constant, and it identifies objects by their ids, which
CPython uses again for later objects. So each function is called several times, with objects
that are freed after the call.
"""

import copy

import numpy as np
import pytest
import torch
from dropcore_torch import Dropout, Dropout2d, convert, paths
from dropcore_torch.functional import draw_as_tensor, draw_of_seed, dropout
from expected import core, same_bits
from torch import nn

import dropcore

STEPS = 24  # half of them on each path
STREAM = dropcore.Stream(7)
BACKENDS = ["eager", "aot_eager", "inductor"]
# Warnings of the default compiler.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf"),
]


@pytest.fixture(autouse=True)
def _fresh(built_node):
    before = paths.in_use()
    torch._dynamo.reset()
    # The default compiler draws its integers as they are drawn line by line.
    with torch._inductor.config.patch(fallback_random=True):
        yield
    torch._dynamo.reset()
    paths.use(before)


def with_rng(x, rng):
    return dropout(x, 0.5, True, rng=rng)


def assert_same_draws(plain, fast, arguments, before=lambda step: None):
    """Both functions give the same y and dx at each step, and no two steps give the same y."""
    seen = set()
    for step in range(STEPS):
        results = []
        before(step)
        paths.use(("node", "function")[step % 2])
        for function in plain, fast:
            torch.manual_seed(step)
            x = torch.ones(200, requires_grad=True)
            y = function(x, *arguments(step))
            y.sum().backward()
            assert torch.equal(x.grad, y)
            results.append(y)
        assert torch.equal(*results)
        seen.add(tuple(results[0].tolist()))
    return len(seen)


# The value of `rng` at a step, for kinds that are inputs of one graph.
ARGUMENTS = {
    "none": lambda i: None,
    "draws of one stream": lambda i: STREAM.at(i),
    "draws of many streams": lambda i: STREAM.child(i).at(3),
    "indices near the end": lambda i: STREAM.at(2**64 - 1 - i),
    "indices around the sign": lambda i: STREAM.at(2**63 - 6 + i),
    "streams": lambda i: dropcore.Stream(i),
    "children": lambda i: dropcore.Stream(1, path=("layer", i)),
    "integers": lambda i: 100 + i,
    "integers of numpy": lambda i: np.int64(i),
    "large integers": lambda i: 2**70 + i // 6,
    "unsigned integers": lambda i: np.uint8(200 + i),
    "draws as tensors": lambda i: draw_as_tensor(STREAM.at(i)),
    "seeds in a tensor": lambda i: draw_of_seed(torch.tensor([i, -i])),
}
# The same for kinds that no graph takes as inputs: the call is not part of a graph.
LINE_BY_LINE = {
    "seed sequences": lambda i: np.random.SeedSequence(i),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", ARGUMENTS)
def test_rng_is_an_input_of_the_graph(kind, backend):
    fast = torch.compile(with_rng, backend=backend, fullgraph=True)
    seen = assert_same_draws(with_rng, fast, lambda step: (ARGUMENTS[kind](step),))
    assert seen == STEPS  # also with one key: PyTorch's generator is seeded again before each call


@pytest.mark.parametrize("kind", sorted({*ARGUMENTS} - {"large integers"}))
def test_one_graph_is_enough_for_any_rng_of_a_kind(kind):
    graphs = []

    def count(graph, inputs):
        graphs.append(graph)
        return graph

    fast = torch.compile(with_rng, backend=count, fullgraph=True)
    for step in range(STEPS):
        fast(torch.ones(20), ARGUMENTS[kind](step))
    assert len(graphs) <= 2  # an integer that changes costs a second graph


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kind", LINE_BY_LINE)
def test_what_no_graph_takes(kind, backend):
    fast = torch.compile(with_rng, backend=backend)
    seen = assert_same_draws(with_rng, fast, lambda step: (LINE_BY_LINE[kind](step),))
    assert seen == STEPS


@pytest.mark.parametrize("module", [nn.Dropout(0.5), nn.Dropout2d(0.5)])
def test_p_of_a_module_that_is_a_tensor(module):
    convert(module, STREAM)
    fast = torch.compile(module, backend="aot_eager")
    x = torch.ones(4, 6, 3, 2)
    for p in torch.linspace(0, 1, 5):
        module.p = p
        torch.manual_seed(1)
        y = module(x)
        torch.manual_seed(1)
        assert torch.equal(fast(x), y)


def test_what_no_graph_takes_is_named_where_there_is_to_be_one():
    fast = torch.compile(with_rng, backend="eager", fullgraph=True)
    with pytest.raises(Exception, match="rng None, a Stream, a Draw, an integer or a tensor"):
        fast(torch.ones(3), np.random.SeedSequence(1))


# ------------------------------------------------- draws that are made in the function


def by_draw(stream):
    return lambda x: dropout(x, 0.5, True, rng=stream.draw())


def by_child(stream):
    return lambda x: dropout(x, 0.5, True, rng=stream.child("a").draw())


def by_counter(stream):
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.count = 0

        def forward(self, x):
            self.count += 1
            return dropout(x * 1, 0.5, True, rng=stream.at(self.count))

    return Counting()


def by_tensor(stream):
    draws = draw_as_tensor(stream.at(0))

    def function(x):
        draws[4] += 1
        return dropout(x, 0.5, True, rng=draws)

    return function


def by_seed(stream):
    words = torch.zeros(2, dtype=torch.int64)

    def function(x):
        words[1] += 1
        return dropout(x, 0.5, True, rng=draw_of_seed(words))

    return function


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("made", [by_draw, by_child, by_counter, by_tensor, by_seed])
def test_draws_made_inside(made, backend):
    plain, fast = made(dropcore.Stream(5)), made(dropcore.Stream(5))
    fast = torch.compile(fast, backend=backend)
    assert assert_same_draws(plain, fast, lambda step: ()) == STEPS


@pytest.mark.parametrize("made", [by_draw, by_child, by_counter])
def test_draws_made_inside_are_refused_where_there_is_to_be_one_graph(made):
    fast = torch.compile(made(dropcore.Stream(5)), backend="eager", fullgraph=True)
    with pytest.raises(torch._dynamo.exc.Unsupported, match=r"draw|child|at"):
        fast(torch.ones(3))


# ------------------------------------------------------------ modules that change


def reconverted(model, step):
    convert(model, step)


def another_source(model, step):
    model[1].source = Dropout(rng=STREAM.child(step)).source


def another_draw(model, step):
    model[1].source = Dropout(rng=STREAM.at(step)).source


def another_module(model, step):
    model[1] = Dropout(0.5, rng=step)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("change", [reconverted, another_source, another_draw, another_module])
def test_a_module_s_key_that_is_changed(change, backend):
    plain = nn.Sequential(nn.Identity(), nn.Dropout(0.5))
    convert(plain)
    fast = copy.deepcopy(plain)
    compiled = torch.compile(fast, backend=backend, fullgraph=True)

    def before(step):
        change(plain, step)
        change(fast, step)

    assert assert_same_draws(plain, compiled, lambda step: (), before) == STEPS


@pytest.mark.parametrize("backend", BACKENDS)
def test_attention_and_recurrent_layers_whose_key_is_changed(backend):
    class Both(nn.Module):
        def __init__(self):
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, dropout=0.5, batch_first=True)
            self.recurrent = nn.GRU(8, 8, num_layers=2, dropout=0.5)

        def forward(self, x):
            return self.recurrent(self.attention(x, x, x)[0])[0]

    torch.manual_seed(0)
    plain = Both()
    fast = copy.deepcopy(plain)
    compiled = torch.compile(fast, backend=backend)
    x = torch.randn(2, 5, 8)
    for step in range(3):
        convert(plain, step)
        convert(fast, step)
        torch.manual_seed(step)
        y = plain(x)
        torch.manual_seed(step)
        assert torch.allclose(compiled(x), y, atol=1e-5)


def test_what_else_a_module_has_is_not_kept_either():
    module = Dropout(0.5, variant="alpha")
    fast = torch.compile(module, backend="aot_eager", fullgraph=True)
    x = torch.ones(50)
    for mean in (0.0, 0.5, 1.0):
        module.adopt(STREAM.at(1), None, "alpha", {"fixed_mean": mean})
        assert same_bits(fast(x), core(x, 0.5, STREAM.at(1), variant="alpha", fixed_mean=mean)[0])


def test_another_variant_of_whole_channels():
    module = Dropout2d(0.5, variant="alpha", fixed_mean=1.0, rng=STREAM.at(1))
    fast = torch.compile(module, backend="aot_eager", fullgraph=True)
    x = torch.ones(6, 5, 4, 3)
    options = {"variant": "alpha", "fixed_mean": 1.0, "shared_axes": (2, 3)}
    assert same_bits(fast(x), core(x, 0.5, STREAM.at(1), **options)[0])


# ------------------------------------------------------------------- variants, options


@pytest.mark.parametrize("backend", BACKENDS)
def test_variants_as_objects(backend):
    fast = torch.compile(
        lambda x, variant, draw: dropout(x, 0.5, True, rng=draw, variant=variant),
        backend=backend,
        fullgraph=True,
    )
    x = torch.ones(6, 5, 4)
    for step in range(STEPS // 2):  # a graph for each
        variant = dropcore.get_variant("spatial", channel_axis=step % 3)  # freed after the call
        if variant.batch_axis == variant.channel_axis:
            variant = dropcore.get_variant("alpha", fixed_mean=step / 8)
        draw = STREAM.at(step)
        assert same_bits(fast(x, variant, draw), core(x, 0.5, draw, variant=variant)[0])


def test_options_of_numpy():
    fast = torch.compile(
        lambda x, axis, draw: dropout(x, 0.5, True, rng=draw, shared_axes=axis), backend="eager"
    )
    x = torch.ones(8, 9, 7)
    for step in range(STEPS):
        axis, draw = np.int64(step % 3), STREAM.at(step)
        assert same_bits(fast(x, axis, draw), core(x, 0.5, draw, shared_axes=step % 3)[0])


def test_options_that_change():
    fast = torch.compile(
        lambda x, axis, draw: dropout(x, 0.5, True, rng=draw, shared_axes=axis), backend="eager"
    )
    x = torch.ones(8, 9, 7)
    for step in range(STEPS):
        for axis in (step % 3, (step % 3,), (0, 1 + step % 2)):
            y = core(x, 0.5, STREAM.at(step), shared_axes=axis)[0]
            assert same_bits(fast(x, axis, STREAM.at(step)), y)


@pytest.mark.parametrize("backend", BACKENDS)
def test_p_that_changes(backend):
    fast = torch.compile(lambda x, p, draw: dropout(x, p, True, rng=draw), backend=backend)
    x = torch.ones(200)
    for step, p in enumerate(torch.linspace(0, 1, STEPS)):
        for each in (p, p.item(), np.float64(p)):
            y = core(x, p.item(), STREAM.at(step))[0]
            assert same_bits(fast(x, each, STREAM.at(step)), y)


# ------------------------------------------------------------------ draws as tensors


@pytest.mark.parametrize("seed", [0, 1, 77, 2**31, 2**63 - 1])
def test_the_draw_of_a_seed(seed):
    draw = draw_of_seed(torch.tensor(seed))
    assert torch.equal(draw, draw_as_tensor(dropcore.Stream(seed).at(0)))


def test_the_draw_of_the_words_of_a_seed():
    """The words of a tensor are the bytes of the seed, as for JAX's keys and Keras's seeds."""
    words = torch.tensor([5, 2**32 - 1])
    of_bytes = dropcore.Stream(b"\5\0\0\0\xff\xff\xff\xff").at(0)
    for dtype in torch.int64, torch.uint32:
        assert torch.equal(draw_of_seed(words.to(dtype)), draw_as_tensor(of_bytes))
    assert torch.equal(
        draw_of_seed(torch.tensor([5, -1], dtype=torch.int32)), draw_as_tensor(of_bytes)
    )


@pytest.mark.parametrize(
    ("seed", "error"),
    [
        (torch.tensor(-1), ValueError),
        (torch.tensor(1.0), TypeError),
        (torch.tensor(True), TypeError),
        (torch.ones(2, 2, dtype=torch.int64), ValueError),
    ],
)
def test_seeds_that_are_none(seed, error):
    with pytest.raises(error, match="seed"):
        draw_of_seed(seed)


@pytest.mark.parametrize("rng", [torch.ones(5), torch.ones(4, dtype=torch.int64), torch.tensor(3)])
def test_tensors_that_are_no_draw(rng):
    with pytest.raises(TypeError, match="rng must be a tensor of five int64"):
        dropout(torch.ones(3), 0.5, True, rng=rng)
    with pytest.raises(TypeError, match="rng"):
        Dropout(rng=rng)


def test_a_draw_is_an_input_of_what_is_exported():
    class Drawing(nn.Module):
        def forward(self, x, draw):
            return dropout(x, 0.5, True, rng=draw)

    x, draws = torch.ones(40), [draw_as_tensor(STREAM.at(step)) for step in range(3)]
    exported = torch.export.export(Drawing(), (x, draws[0])).module()
    for draw in draws:
        assert torch.equal(exported(x, draw), dropout(x, 0.5, True, rng=draw))
