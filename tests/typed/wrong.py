"""Misspelt options: type checkers find an error in each line that ends with `# wrong`."""

import numpy as np

import dropcore
from dropcore import Mask
from dropcore.adapters import autograd
from dropcore.autograd import Sequential

x = np.ones((2, 3, 4), np.float32)

y, mask = dropcore.dropout(x, 0.5, training=True, shard_axes=1)  # wrong
y, mask = dropcore.dropout(x, 0.5, training=True, variant="spatial", chanel_axis=1)  # wrong
y, mask = dropcore.dropout(x, 0.5, training=True, variant="spatial")  # wrong
y, mask = dropcore.dropout(x, 0.5, training=True, variant="alpha", channel_axis=1)  # wrong
y, mask = dropcore.dropout(x, 0.5, training=True, variant="alpha", fixed_mean="0")  # wrong
dropcore.Dropout(0.5, shard_axes=1)  # wrong
dropcore.Dropout(0.5, "spatial", chanel_axis=1)  # wrong
dropcore.Dropout(0.5, "alpha", fixed_variance=2)  # wrong
dropcore.Dropout(0.5, variant="standard", shared_axis=2)  # wrong
dropcore.get_variant("spatial", axis=1)  # wrong
Mask.from_keep([True], 0.5, variant="alpha", mean=1)  # wrong
model = Sequential(autograd.Dropout(0.5, "spatial", chanel_axis=1))  # wrong
autograd.dropout(x, 0.5, training=True, variant="spatial", chanel_axis=1).sum()  # wrong
dropcore.dropout(x, 0.5)  # wrong
dropcore.Dropout("0.5")  # wrong
