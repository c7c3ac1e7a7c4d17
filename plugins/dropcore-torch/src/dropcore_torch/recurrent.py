"""Recurrent layers whose dropout between layers is dropcore's.

PyTorch computes a stack of layers in one call that drops in between. Here each layer is a call
of its own, of the same function and the same weights. In inference, and with p = 0, it is
PyTorch's own code that runs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from dropcore_torch.functional import apply
from dropcore_torch.rule import rule_of
from dropcore_torch.source import RNG, source_of_layer

OF_MODE: dict[str, Any] = {
    "LSTM": torch.lstm,
    "GRU": torch.gru,
    "RNN_TANH": torch.rnn_tanh,
    "RNN_RELU": torch.rnn_relu,
}


class _Recurrent(nn.RNNBase):
    """What the modules made by `convert` have in common."""

    def adopt(self, rng: RNG = None) -> None:
        """Set all that PyTorch's module does not have."""
        self.source = source_of_layer(rng)
        self.rule = rule_of("standard", {})

    def abandon(self) -> None:
        """Remove what `adopt` set."""
        del self.source, self.rule

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> Any:
        """As that of PyTorch's module."""
        if not self.training or self.dropout == 0 or self.num_layers == 1:
            return super().forward(input, hx)
        if isinstance(input, PackedSequence):
            data, sizes, order, back = input
            states = self._states(hx, int(sizes[0]), data.dtype, order)
            data, ends = self._layers(data, states, sizes)
            return PackedSequence(data, sizes, order, back), self._joined(ends, back)
        if input.dim() == 3:
            samples = input.shape[0 if self.batch_first else 1]
            y, ends = self._layers(input, self._states(hx, samples, input.dtype))
            return y, self._joined(ends)
        sample = 0 if self.batch_first else 1
        if hx is not None:
            hx = tuple(h.unsqueeze(1) for h in hx) if isinstance(hx, tuple) else hx.unsqueeze(1)
        y, hn = self.forward(input.unsqueeze(sample), hx)
        hn = tuple(h.squeeze(1) for h in hn) if isinstance(hn, tuple) else hn.squeeze(1)
        return y.squeeze(sample), hn

    def _layers(
        self, data: Tensor, states: tuple[Tensor, ...], sizes: Tensor | None = None
    ) -> tuple[Tensor, list[tuple[Tensor, ...]]]:
        # The output of the last layer, and the states in which each one ends.
        directions = 2 if self.bidirectional else 1
        layout = () if sizes is not None else (self.batch_first,)
        ends = []
        for layer in range(self.num_layers):
            own = slice(layer * directions, (layer + 1) * directions)
            begin = [state[own] for state in states]
            data, *end = OF_MODE[self.mode](
                data,
                *(() if sizes is None else (sizes,)),
                begin if self.mode == "LSTM" else begin[0],
                [weight for weights in self.all_weights[own] for weight in weights],
                self.bias,
                1,
                0.0,
                True,
                self.bidirectional,
                *layout,
            )
            ends.append(tuple(end))
            if layer < self.num_layers - 1:
                data = apply((data,), self.dropout, True, False, self.rule, self.source)
        return data, ends

    def _states(
        self, hx: Any, samples: int, dtype: torch.dtype, order: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        if hx is None:
            count = self.num_layers * (2 if self.bidirectional else 1)
            weight = self.all_weights[0][0]
            lengths = [self.proj_size or self.hidden_size]
            lengths += [self.hidden_size] if self.mode == "LSTM" else []
            return tuple(weight.new_zeros(count, samples, n, dtype=dtype) for n in lengths)
        states = hx if isinstance(hx, tuple) else (hx,)
        return states if order is None else tuple(each.index_select(1, order) for each in states)

    def _joined(self, ends: list[tuple[Tensor, ...]], back: Tensor | None = None) -> Any:
        # The states in which all layers end, as PyTorch's module returns them.
        states = [torch.cat(each) for each in zip(*ends, strict=True)]
        if back is not None:
            states = [each.index_select(1, back) for each in states]
        return tuple(states) if self.mode == "LSTM" else states[0]


class LSTM(_Recurrent, nn.LSTM):
    """`torch.nn.LSTM`, made by `convert`."""


class GRU(_Recurrent, nn.GRU):
    """`torch.nn.GRU`, made by `convert`."""


class RNN(_Recurrent, nn.RNN):
    """`torch.nn.RNN`, made by `convert`."""
