"""Recurrent layers that use dropcore's dropout between layers.

PyTorch computes a stack of layers, with the dropout between them, in one call. The modules of this
file make one call for each layer, with the same function and the same weights. In inference, and
with p = 0, PyTorch's own code runs.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from dropcore_torch import situation
from dropcore_torch.functional import apply
from dropcore_torch.others import is_other
from dropcore_torch.rule import rule_of
from dropcore_torch.source import RNG, source_of_layer
from dropcore_torch.symbolic import Proxy, as_leaf, refuse_script

OF_MODE: dict[str, Any] = {
    "LSTM": torch.lstm,
    "GRU": torch.gru,
    "RNN_TANH": torch.rnn_tanh,
    "RNN_RELU": torch.rnn_relu,
}


class _Recurrent(nn.RNNBase):
    """The base class of the modules that `convert` makes."""

    def adopt(self, rng: RNG = None) -> None:
        """Set the attributes that PyTorch's module does not have."""
        self.source = source_of_layer(rng)
        self.rule = rule_of("standard", {})

    __prepare_scriptable__ = refuse_script

    def abandon(self) -> None:
        """Remove the attributes that `adopt` set."""
        del self.source, self.rule

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        """The same as in PyTorch's module."""
        if isinstance(input, Proxy):
            return as_leaf(self, input, hx)
        given = input.data if isinstance(input, PackedSequence) else input
        drops = self.training and self.dropout != 0 and self.num_layers > 1
        if drops and is_other(given):
            situation.refuse(
                "a recurrent layer of tensors that are not plain", "compute it in steps"
            )
        if not drops or is_other(given):
            return super().forward(input, hx)
        self._update_flat_weights()  # the checks read the dtype of the weights
        if isinstance(input, PackedSequence):
            data, sizes, order, back = input
            hx = self._zeros(data, sizes) if hx is None else self.permute_hidden(hx, order)
            data, ends = self._layers(data, hx, sizes)
            return PackedSequence(data, sizes, order, back), self.permute_hidden(ends, back)
        states = () if hx is None else (hx[0], hx[1]) if self.mode == "LSTM" else (hx,)
        if input.dim() not in (2, 3) or any(each.dim() != input.dim() for each in states):
            return super().forward(input, hx)  # raises PyTorch's error
        if input.dim() == 3:
            return self._layers(input, self._zeros(input) if hx is None else hx)
        sample = 0 if self.batch_first else 1
        if hx is not None:
            hx = self._of_each(torch.unsqueeze, hx)
        y, ends = self.forward(input.unsqueeze(sample), hx)
        return y.squeeze(sample), self._of_each(torch.squeeze, ends)

    def _layers(self, data: Tensor, hx: Any, sizes: Tensor | None = None) -> tuple[Tensor, Any]:
        # Returns the output of the last layer, and the final states of all layers.
        if self.mode == "LSTM" and not (isinstance(hx, tuple | list) and len(hx) == 2):
            raise TypeError("hx must be a tuple of two tensors, (h_0, c_0)")
        # PyTorch's functions read beyond the end of states that are too small, and its LSTM does
        # not check the states if the input is packed. This code checks all states.
        self.check_forward_args(data, hx, sizes)
        directions = 2 if self.bidirectional else 1
        layout = () if sizes is not None else (False,)
        turned = sizes is None and self.batch_first  # once, not in each layer
        data = data.transpose(0, 1) if turned else data
        ends = []
        for layer in range(self.num_layers):
            own = slice(layer * directions, (layer + 1) * directions)
            data, *end = OF_MODE[self.mode](
                data,
                *(() if sizes is None else (sizes,)),
                [state[own] for state in hx] if self.mode == "LSTM" else hx[own],
                [weight for weights in self.all_weights[own] for weight in weights],
                self.bias,
                1,
                0.0,
                True,
                self.bidirectional,
                *layout,
            )
            ends.append(end)
            if layer < self.num_layers - 1:
                data = apply((data,), self.dropout, True, False, self.rule, self.source)
        data = data.transpose(0, 1) if turned else data
        states = tuple(torch.cat(each) for each in zip(*ends, strict=True))
        return data, states if self.mode == "LSTM" else states[0]

    def _zeros(self, data: Tensor, sizes: Tensor | None = None) -> Any:
        # The initial states of all layers, if none are given.
        hidden = data.new_zeros(self.get_expected_hidden_size(data, sizes))
        if self.mode != "LSTM":
            return hidden
        return hidden, data.new_zeros(self.get_expected_cell_size(data, sizes))

    def _of_each(self, change: Callable[[Tensor, int], Tensor], hx: Any) -> Any:
        # Adds or removes the axis of samples in the states.
        return (change(hx[0], 1), change(hx[1], 1)) if self.mode == "LSTM" else change(hx, 1)


class LSTM(_Recurrent, nn.LSTM):
    """`torch.nn.LSTM`, made by `convert`."""


class GRU(_Recurrent, nn.GRU):
    """`torch.nn.GRU`, made by `convert`."""


class RNN(_Recurrent, nn.RNN):
    """`torch.nn.RNN`, made by `convert`."""
