"""Programs that are saved, and run where dropcore_jax is imported."""

import subprocess
import sys

import dropcore_jax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from dropcore_jax import dropout
from jax import export
from jax.sharding import AxisType, NamedSharding
from jax.sharding import PartitionSpec as P

KEY = jax.random.key(3)
CHECKS = [export.DisabledSafetyCheck.custom_call(dropcore_jax.TARGET)]
HOWS = [{}, {"shared_axes": 1}, {"variant": "alpha"}]


def normal(*shape):
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def drop(key, x, **how):
    return dropout(key, x, 0.3, training=True, **how)


def saved(f, *operands, **how):
    exported = export.export(jax.jit(f), disabled_checks=CHECKS, **how)(*operands)
    return export.deserialize(exported.serialize())


def matrix():
    return jax.ShapeDtypeStruct(export.symbolic_shape("b, n"), np.float32)


def test_without_leave_jax_refuses():
    with pytest.raises(ValueError, match=f"(?s)custom calls .*@{dropcore_jax.TARGET}"):
        export.export(jax.jit(drop))(KEY, normal(3, 4))


@pytest.mark.parametrize("how", HOWS, ids=str)
def test_fixed_shapes(how):
    x = normal(16, 9)
    f = saved(lambda key, x: drop(key, x, **how), KEY, x)
    np.testing.assert_array_equal(f.call(KEY, x), drop(KEY, x, **how))


@pytest.mark.parametrize("how", HOWS, ids=str)
def test_shapes_that_are_known_later(how):
    def loss(key, x):
        y = drop(key, x, **how)
        return (y**2).sum(), y

    f = saved(jax.grad(loss, 1, has_aux=True), KEY, matrix())
    for x in (normal(16, 9), normal(1, 1), normal(300, 7)):
        dx, y = f.call(KEY, x)
        np.testing.assert_array_equal(y, drop(KEY, x, **how))
        np.testing.assert_allclose(dx, jax.grad(loss, 1, has_aux=True)(KEY, x)[0], rtol=1e-5)


def each_by_its_key(key, x):
    return jax.vmap(drop)(jax.random.split(key, x.shape[0]), x)


def all_by_one_key(key, x):
    return jax.vmap(drop, (None, 0))(key, x)


@pytest.mark.parametrize("f", [each_by_its_key, all_by_one_key])
def test_a_batch_whose_length_is_known_later(f):
    g = saved(f, KEY, matrix())
    for x in (normal(16, 9), normal(1, 5)):
        np.testing.assert_array_equal(g.call(KEY, x), f(KEY, x))


@pytest.mark.parametrize("how", HOWS, ids=str)
def test_for_several_platforms(how):
    x = normal(16, 9)
    f = saved(lambda key, x: drop(key, x, **how), KEY, matrix(), platforms=["cpu", "cuda", "tpu"])
    np.testing.assert_array_equal(f.call(KEY, x), drop(KEY, x, **how))
    for platform in ("cuda", "rocm", "tpu"):
        elsewhere = export.export(jax.jit(drop), platforms=[platform])(KEY, matrix())
        assert dropcore_jax.TARGET not in elsewhere.mlir_module()


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize("how", HOWS[:2], ids=str)
def test_shapes_that_are_known_later_on_other_platforms(how):
    f = saved(lambda key, x: drop(key, x, **how), KEY, matrix())
    assert dropcore_jax.TARGET not in f.mlir_module()
    for x in (normal(1, 1), normal(300, 7)):
        np.testing.assert_array_equal(f.call(KEY, x), drop(KEY, x, **how))


def test_for_several_devices():
    mesh = jax.make_mesh((8,), ("a",), (AxisType.Auto,))
    rows = NamedSharding(mesh, P("a"))
    x = jax.device_put(normal(16, 9), rows)
    f = export.export(jax.jit(drop, in_shardings=(None, rows)), disabled_checks=CHECKS)(KEY, x)
    y = jax.jit(export.deserialize(f.serialize()).call)(KEY, x)
    np.testing.assert_array_equal(y, drop(KEY, x))


ELSEWHERE = """
import sys
import jax, numpy as np
import dropcore_jax
from jax import export

f = export.deserialize(bytearray(open(sys.argv[1], "rb").read()))
np.save(sys.argv[2], f.call(jax.random.key(3), np.load(sys.argv[2])))
"""


def test_in_another_process(tmp_path):
    x, program, data = normal(16, 9), tmp_path / "program", tmp_path / "x.npy"
    exported = export.export(jax.jit(drop), disabled_checks=CHECKS)(KEY, matrix())
    program.write_bytes(exported.serialize())
    np.save(data, x)
    subprocess.run([sys.executable, "-c", ELSEWHERE, program, data], check=True, timeout=300)
    np.testing.assert_array_equal(np.load(data), drop(KEY, jnp.asarray(x)))
