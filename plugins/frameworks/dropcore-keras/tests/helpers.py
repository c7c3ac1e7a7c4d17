import keras
import numpy as np

import dropcore


def array(x):
    """The NumPy array of a tensor of either backend, detached from its graph."""
    return keras.ops.convert_to_numpy(x)


def normal(*shape, dtype="float32"):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


def draw(seed, call=0):
    """The draw of a layer's call: the seed generator holds the seed and the number of calls."""
    words = np.array([seed, call], "<u4")
    return dropcore.Stream(words.tobytes()).at(0)


def gradient(layer, x, dy):
    """The gradient of the sum of dy * y with respect to x."""
    if keras.backend.backend() == "jax":
        import jax

        def loss(variables, x):
            y, _ = layer.stateless_call([], variables, x, training=True)
            return (y * dy).sum()

        variables = [variable.value for variable in layer.non_trainable_variables]
        return np.asarray(jax.jit(jax.grad(loss, argnums=1))(variables, x))
    import torch

    x = torch.tensor(x, requires_grad=True)
    (layer(x, training=True) * torch.tensor(dy)).sum().backward()
    return x.grad.numpy()
