"""One mask for any sharding: each device computes its part, without communication."""

import itertools
import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dropcore_jax import draw_of, dropout
from hypothesis import given, settings
from hypothesis import strategies as st
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

import dropcore

KEY = jax.random.key(3)
X = np.random.default_rng(0).normal(size=(16, 8, 24)).astype(np.float32)
COLLECTIVE = r"\b(all-gather|all-to-all|all-reduce|collective-permute|reduce-scatter)\b"
SPECS = [
    P(),
    P("a"),
    P("a", "b"),
    P(None, "b", "a"),
    P(("b", "a")),
    P(None, None, ("a", "b")),
    P("b", None, "a"),
]
HOWS = [
    {},
    {"shared_axes": 1},
    {"shared_axes": (0, 2)},
    {"variant": "alpha"},
    {"variant": "spatial", "channel_axis": 1},
]


def drop(key, x, p=0.3, **how):
    return dropout(key, x, p, training=True, **how)


def put(x, mesh, spec):
    return jax.device_put(x, NamedSharding(mesh, spec))


def run(f, *operands):
    """The result of f, compiled without communication between devices."""
    compiled = jax.jit(f).lower(*operands).compile()
    assert re.findall(COLLECTIVE, compiled.as_text()) == []
    return compiled(*operands)


def assert_as_shared_out(y, x, expected):
    """y has the sharding of x and the expected values."""
    assert y.sharding.is_equivalent_to(x.sharding, x.ndim)
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("spec", SPECS, ids=str)
@pytest.mark.parametrize("how", HOWS[:2], ids=str)
def test_each_device_makes_its_part(mesh8, spec, how):
    x = put(X, mesh8, spec)
    expected, mask = dropcore.dropout(X, 0.3, training=True, rng=draw_of(KEY), **how)

    def both(x):
        y, vjp = jax.vjp(partial(drop, KEY, **how), x)
        return y, vjp(x)[0]

    y, dx = run(both, x)
    assert_as_shared_out(y, x, expected)
    assert_as_shared_out(dx, x, mask.backward(X))


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("spec", [P("a", "b"), P(None, ("b", "a"))], ids=str)
@pytest.mark.parametrize("how", [{}, {"shared_axes": 2}], ids=str)
def test_each_device_makes_its_part_elsewhere(spec, how):
    mesh8 = jax.make_mesh((4, 2), ("a", "b"), (AxisType.Auto,) * 2)
    x = put(X, mesh8, spec)
    expected, _ = dropcore.dropout(X, 0.3, training=True, rng=draw_of(KEY), **how)
    assert_as_shared_out(run(partial(drop, **how), KEY, x), x, expected)


@pytest.mark.parametrize("how", HOWS, ids=str)
@pytest.mark.parametrize("dtype", [np.float16, jnp.bfloat16, np.float32])
def test_every_dtype_and_variant(mesh8, how, dtype):
    x = put(X.astype(dtype), mesh8, P("b", "a"))
    expected, _ = dropcore.dropout(X.astype(dtype), 0.3, training=True, rng=draw_of(KEY), **how)
    assert_as_shared_out(run(partial(drop, **how), KEY, x), x, expected)


@pytest.mark.parametrize("spec", [P("a"), P("a", "b"), P(("a", "b"))], ids=str)
def test_a_batch_that_is_shared_out(mesh8, spec):
    x, keys = put(X, mesh8, spec), jax.random.split(KEY, len(X))
    keys = put(keys, mesh8, P(spec[0]))
    expected = np.stack([drop(key, each) for key, each in zip(keys, X, strict=True)])
    assert_as_shared_out(run(jax.vmap(drop), keys, x), x, expected)
    expected = np.stack([drop(KEY, each) for each in X])
    assert_as_shared_out(run(jax.vmap(partial(drop, KEY)), x), x, expected)


def test_many_masks_of_one_array_that_is_shared_out(mesh8):
    x, keys = put(X, mesh8, P(None, "b")), put(jax.random.split(KEY, 8), mesh8, P("a"))
    y = run(jax.vmap(drop, (0, None)), keys, x)
    assert y.sharding.is_equivalent_to(NamedSharding(mesh8, P("a", None, "b")), y.ndim)
    np.testing.assert_array_equal(y, np.stack([drop(key, X) for key in keys]))


def test_eagerly_and_in_a_loop(mesh8):
    x, keys = put(X, mesh8, P("a", "b")), jax.random.split(KEY, 3)
    assert_as_shared_out(drop(KEY, x), x, drop(KEY, X))
    y = run(lambda x: jax.lax.scan(lambda x, key: (drop(key, x), None), x, keys)[0], x)
    expected = X
    for key in keys:
        expected = drop(key, expected)
    assert_as_shared_out(y, x, np.asarray(expected))


def test_where_only_the_result_or_the_middle_is_shared_out(mesh):
    half = NamedSharding(mesh, P("batch"))
    y = jax.jit(drop, out_shardings=half)(KEY, X)
    assert_as_shared_out(y, jax.device_put(X, half), drop(KEY, X))
    y = jax.jit(lambda x: drop(KEY, jax.lax.with_sharding_constraint(x, half)))(X)
    assert_as_shared_out(y, jax.device_put(X, half), drop(KEY, X))


def test_one_device_that_is_not_the_first():
    x = jax.device_put(X, jax.devices()[5])
    y = jax.jit(drop)(jax.device_put(KEY, jax.devices()[5]), x)
    assert_as_shared_out(y, x, drop(KEY, X))


# ------------------------------------------------------------ inside shard_map


def of_device(key, x, spec):
    """The block of X on this device."""
    names = (*spec, *(None,) * (x.ndim - len(spec)))
    offsets = [
        0 if name is None else jax.lax.axis_index(name) * length
        for name, length in zip(names, x.shape, strict=True)
    ]
    return drop(key, x, shard=(X.shape, offsets))


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize(
    ("spec", "check_vma"), [(P("a"), True), (P(None, "b", "a"), True), (P("a", "b"), False)]
)
def test_shard_map(spec, check_vma):
    mesh8 = jax.make_mesh((4, 2), ("a", "b"), (AxisType.Auto,) * 2)
    x = put(X, mesh8, spec)
    f = jax.shard_map(
        partial(of_device, spec=spec),
        mesh=mesh8,
        in_specs=(P(), spec),
        out_specs=spec,
        check_vma=check_vma,
    )
    expected, mask = dropcore.dropout(X, 0.3, training=True, rng=draw_of(KEY))
    assert_as_shared_out(run(f, KEY, x), x, expected)
    dx = jax.jit(lambda x, dy: jax.vjp(partial(f, KEY), x)[1](dy)[0])(x, x)
    np.testing.assert_array_equal(dx, mask.backward(X))


def test_shard_map_over_one_of_two_axes(mesh8):
    x = put(X, mesh8, P("a", "b"))
    f = jax.shard_map(
        partial(of_device, spec=P("a")),
        mesh=mesh8,
        in_specs=(P(), P("a")),
        out_specs=P("a"),
        axis_names={"a"},
    )
    np.testing.assert_array_equal(jax.jit(f)(KEY, x), drop(KEY, X))


# ------------------------------------------------------------ blocks


@st.composite
def cuts(draw):
    """A shape, shared axes, and the places of the cuts along each axis."""
    shape = draw(st.lists(st.integers(1, 9), min_size=0, max_size=5))
    shared = draw(st.sets(st.sampled_from(range(len(shape))))) if shape else set()
    places = [sorted({0, n, *draw(st.sets(st.integers(1, n), max_size=2))}) for n in shape]
    return tuple(shape), tuple(shared), places


def blocks(places):
    """Slices for each block of a cut array."""
    if not places:
        return [()]
    first, *rest = places
    return [
        (slice(begin, end), *others)
        for begin, end in itertools.pairwise(first)
        for others in blocks(rest)
    ]


@settings(max_examples=25, deadline=None)
@given(cuts(), st.sampled_from([0.1, 0.5, 0.75, 1, 2**-9]))
def test_blocks_put_together_are_the_whole(cut, p):
    shape, shared_axes, places = cut
    x = np.random.default_rng(1).normal(size=shape).astype(np.float32)
    whole = np.asarray(drop(KEY, x, p, shared_axes=shared_axes))
    y = np.full_like(whole, np.nan)
    for block in blocks(places):
        shard = (shape, [each.start for each in block])
        y[block] = drop(KEY, x[block], p, shared_axes=shared_axes, shard=shard)
    np.testing.assert_array_equal(y, whole)


# Shapes of at most 2^63 - 1 elements, and the offsets of a block.
FAR = [
    ((2**40, 64), (2**30, 3)),
    ((2**20, 2**20, 2**22), (2**19, 7, 2**22 - 100)),
    ((2**33,), (2**32 - 50,)),
    ((2**62,), (2**62 - 300,)),
    ((3, 2**61 // 3), (2, 2**58 + 9)),
]


@pytest.mark.usefixtures("either")
@pytest.mark.parametrize(("shape", "offsets"), FAR)
def test_places_beyond_32_bits(shape, offsets):
    length = {1: (300,), 2: (1, 60), 3: (1, 2, 50)}[len(shape)]
    x = jnp.ones(length)
    y = drop(KEY, x, 0.1, shard=(shape, offsets))
    for row in np.ndindex(length[:-1]):
        at = [o + i for o, i in zip(offsets, (*row, 0), strict=True)]
        start = 0
        for place, n in zip(at, shape, strict=True):
            start = start * n + place
        keep = dropcore.keep_mask(length[-1], 0.1, rng=draw_of(KEY), start=start)
        np.testing.assert_array_equal(np.asarray(y[row]) != 0, keep)


@pytest.mark.parametrize("dtype", [np.int32, np.uint32, np.int64, np.uint8])
def test_traced_offsets(dtype):
    shape = (2**31, 2**20)

    @jax.jit
    def f(offsets):
        return drop(KEY, jnp.ones((2, 100)), shard=(shape, offsets))

    with jax.enable_x64(True):
        for at in ([200, 5], [0, 99]):
            offsets = np.array(at, dtype)
            np.testing.assert_array_equal(f(offsets), f.__wrapped__(at))
            np.testing.assert_array_equal(f(tuple(offsets)), f.__wrapped__(at))


def test_offsets_of_each_member_of_a_batch():
    rows = jax.vmap(lambda i, x: drop(KEY, x, shard=(X.shape, (i, 0, 0))))
    np.testing.assert_array_equal(rows(jnp.arange(16), X[:, None])[:, 0], drop(KEY, X))


@pytest.mark.parametrize(
    ("shard", "error", "message"),
    [
        (((4, 6), (0, 0), 1), TypeError, "shard must be .global_shape, offsets., not"),
        ([(4, 6), (0, 0)], TypeError, "shard must be"),
        (((4,), (0, 0)), ValueError, r"global_shape must be 2 integers.*not \(4,\)"),
        (((4, 6.0), (0, 0)), TypeError, r"global_shape must be 2 integers.*6\.0"),
        (((4, 6), (0,)), ValueError, r"offsets must be 2 integers.*not \(0,\)"),
        (((4, 6), 0), ValueError, "offsets must be 2 integers.*not 0"),
        (((4, 6), (0, 1.0)), TypeError, r"offsets must be an integer, not 1\.0"),
        (((4, 6), (0, True)), TypeError, "offsets must be an integer, not True"),
        (((4, 6), (-1, 0)), ValueError, "within global_shape .*along axis 0 .*offset -1"),
        (((4, 6), (2, 4)), ValueError, "along axis 1 x has 3 elements from offset 4"),
        (((1, 6), (0, 0)), ValueError, "along axis 0 x has 2 elements from offset 0"),
    ],
)
@pytest.mark.parametrize("training", [True, False])
def test_a_bad_shard(shard, error, message, training):
    with pytest.raises(error, match=message):
        dropout(KEY, jnp.ones((2, 3)), 0.5, training=training, shard=shard)


def test_a_traced_offset_of_another_dtype():
    f = jax.jit(lambda at: drop(KEY, jnp.ones(3), shard=((9,), (at,))))
    for at in (1.0, True, np.arange(2)):
        with pytest.raises(TypeError, match="each of shard's offsets must be an integer"):
            f(at)
