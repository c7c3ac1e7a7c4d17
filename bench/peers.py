"""Other implementations of dropout in Python, each as one call on given arrays.

Each peer is imported in a separate process, with one thread, so the thread pools of several
frameworks do not disturb each other. ``python bench/peers.py NAME`` prints the peer's version, or
the reason why the peer is absent.
"""

from __future__ import annotations

import itertools
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "NUMEXPR_NUM_THREADS": "1",
    "NUMBA_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
    "TF_CPP_MIN_LOG_LEVEL": "3",
}

Ways = dict[str, Callable[[], object]]


@dataclass(frozen=True)
class Peer:
    """A package, and the usual ways to write dropout with it.

    Attributes
    ----------
    title : str
    distributions : tuple of str
        The distributions to install.
    ways : callable
        ``ways(x, y, p)`` returns calls by name. A call writes to `y` if the package supports that.
    names : tuple of str
        The names of these calls.
    """

    title: str
    distributions: tuple[str, ...]
    ways: Callable[[Any, Any, float], Ways]
    names: tuple[str, ...]


def numpy_ways(x: Any, y: Any, p: float) -> Ways:
    """The usual expression, and its steps with arrays that were allocated before."""
    rng = np.random.default_rng(0)
    limit, kept = np.float32(p), np.float32(1 - p)
    draws, keep = np.empty_like(x), np.empty(x.shape, bool)

    def idiom() -> Any:
        return x * (rng.random(x.size, dtype=np.float32) >= limit) / kept

    def with_out() -> None:
        rng.random(out=draws, dtype=np.float32)
        np.greater_equal(draws, limit, out=keep)
        np.multiply(x, keep, out=y)
        np.divide(y, kept, out=y)

    return {"NumPy idiom": idiom, "NumPy idiom, out=": with_out}


def numba_ways(x: Any, y: Any, p: float) -> Ways:
    """Random numbers from NumPy's generator, then one compiled loop."""
    import numba

    @numba.njit
    def loop(rng: Any, x: Any, y: Any, p: Any, scale: Any) -> None:
        draws = rng.random(x.size, np.float32)
        for i in range(x.size):
            y[i] = x[i] * scale if draws[i] >= p else np.float32(0)

    rng, limit, scale = np.random.default_rng(0), np.float32(p), np.float32(1 / (1 - p))
    return {"numba": lambda: loop(rng, x, y, limit, scale)}


def torch_ways(x: Any, y: Any, p: float) -> Ways:
    """``torch.nn.functional.dropout``, which has no `out`."""
    import torch
    from torch.nn.functional import dropout

    torch.set_num_threads(1)
    tensor = torch.from_numpy(x)
    return {"PyTorch": lambda: dropout(tensor, p, training=True)}


def jax_ways(x: Any, y: Any, p: float) -> Ways:
    """The method of Flax, compiled: a Bernoulli mask from a new key, then a select."""
    import jax
    import jax.numpy as jnp

    @jax.jit
    def dropout(key: Any, step: Any, x: Any) -> Any:
        keep = jax.random.bernoulli(jax.random.fold_in(key, step), 1 - p, x.shape)
        return jnp.where(keep, x / (1 - p), 0)

    key, steps, array = jax.random.key(0), itertools.count(), jnp.asarray(x)
    return {"JAX": lambda: dropout(key, next(steps), array).block_until_ready()}


def tensorflow_ways(x: Any, y: Any, p: float) -> Ways:
    """``tf.nn.dropout``, in a compiled graph and eagerly."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tensor = tf.constant(x)
    graph = tf.function(lambda tensor: tf.nn.dropout(tensor, rate=p))
    return {
        "TensorFlow": lambda: graph(tensor),
        "TensorFlow, eager": lambda: tf.nn.dropout(tensor, rate=p),
    }


def onnxruntime_ways(x: Any, y: Any, p: float) -> Ways:
    """The operator Dropout in training mode, with its output bound to an existing array."""
    import onnxruntime as ort
    from onnx import TensorProto, helper, numpy_helper

    values = [
        numpy_helper.from_array(np.array(p, np.float32), "ratio"),
        numpy_helper.from_array(np.array(True), "training"),
    ]
    graph = helper.make_graph(
        [helper.make_node("Dropout", ["x", "ratio", "training"], ["y"])],
        "dropout",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n"])],
        values,
    )
    opset = [helper.make_opsetid("", 13)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    binding = session.io_binding()
    binding.bind_ortvalue_input("x", ort.OrtValue.ortvalue_from_numpy(x))
    binding.bind_ortvalue_output("y", ort.OrtValue.ortvalue_from_numpy(y))
    return {"ONNX Runtime": lambda: session.run_with_iobinding(binding)}


def mlx_ways(x: Any, y: Any, p: float) -> Ways:
    """``mlx.nn.Dropout`` on the CPU."""
    import mlx.core as mx
    from mlx.nn import Dropout

    mx.set_default_device(mx.cpu)
    layer, array = Dropout(p), mx.array(x)
    return {"MLX": lambda: mx.eval(layer(array))}


PEERS = {
    "numpy": Peer("NumPy", ("numpy",), numpy_ways, ("NumPy idiom", "NumPy idiom, out=")),
    "numba": Peer("numba", ("numba",), numba_ways, ("numba",)),
    "torch": Peer("PyTorch", ("torch",), torch_ways, ("PyTorch",)),
    "jax": Peer("JAX", ("jax",), jax_ways, ("JAX",)),
    "tensorflow": Peer(
        "TensorFlow", ("tensorflow",), tensorflow_ways, ("TensorFlow", "TensorFlow, eager")
    ),
    "onnxruntime": Peer(
        "ONNX Runtime", ("onnxruntime", "onnx"), onnxruntime_ways, ("ONNX Runtime",)
    ),
    "mlx": Peer("MLX", ("mlx",), mlx_ways, ("MLX",)),
}


def main(name: str) -> None:
    """Use the peer once; print its version, or exit with the reason why it is absent."""
    os.environ.update(ONE_THREAD)
    peer = PEERS[name]
    x = np.ones(4096, np.float32)
    try:
        for call in peer.ways(x, np.empty_like(x), 0.1).values():
            call()
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")
    print(_version(peer.distributions[0]))


def _version(distribution: str) -> str:
    # tensorflow-cpu is the same package under another name
    try:
        return version(distribution)
    except ImportError:
        return str(getattr(sys.modules[distribution], "__version__", "?"))


if __name__ == "__main__":
    main(sys.argv[1])
