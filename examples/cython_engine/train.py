"""Fits a sine with the network of network.pyx, and makes one mask again from its address."""

import network
import numpy as np

import dropcore

ROWS, P, SEED = 64, 0.1, 42

generator = np.random.default_rng(0)
weights = [
    generator.normal(0, np.sqrt(2 / inputs), (inputs, outputs)).astype(np.float32)
    for inputs, outputs in ((2, 64), (64, 64), (64, 1))
]
net = network.Network(weights, ROWS, P, SEED)
for step in range(2000):
    x = np.ones((ROWS, 2), np.float32)  # the second column is a bias
    x[:, 0] = generator.uniform(-3, 3, ROWS)
    loss = net.train(x, np.sin(x[:, :1]), 0.05)
    if step % 500 == 0 or step == 1999:
        print(f"step {step:4}: loss {loss:.4f}")

h, y, _, bits = net.arrays[0]
draw = dropcore.Stream(SEED, ("layer", 0)).at(step)
again, mask = dropcore.dropout(h, P, training=True, rng=draw)
print("the last mask again, from Python:", bool((again == y).all() and (mask.packed == bits).all()))
