"""Multi-head attention whose attention dropout is dropcore's.

    weights = dropout(softmax(q k^T / sqrt(d) + mask)),  y = (weights v) W_o + b_o

Vaswani and others, "Attention is all you need", NeurIPS 2017, section 3.2, with the dropout of
their implementation. PyTorch's module computes this in one function that takes no other
dropout, so what it does in training is written out here. In inference, and with p = 0, it is
PyTorch's own code that runs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dropcore_torch.functional import apply
from dropcore_torch.rule import rule_of
from dropcore_torch.source import RNG, source_of_layer


class MultiheadAttention(nn.MultiheadAttention):
    """`torch.nn.MultiheadAttention`, made by `convert`."""

    def adopt(self, rng: RNG = None) -> None:
        """Set all that PyTorch's module does not have."""
        self.source = source_of_layer(rng)
        self.rule = rule_of("standard", {})

    def abandon(self) -> None:
        """Remove what `adopt` set."""
        del self.source, self.rule

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """As that of PyTorch's module."""
        masks: dict[str, Any] = {"key_padding_mask": key_padding_mask, "attn_mask": attn_mask}
        if not self.training or self.dropout == 0 or query.is_nested:
            return super().forward(
                query,
                key,
                value,
                need_weights=need_weights,
                average_attn_weights=average_attn_weights,
                is_causal=is_causal,
                **masks,
            )
        if is_causal and attn_mask is None:
            raise RuntimeError("is_causal is a hint about attn_mask, which is then needed")
        q, k, v = self._project(query, key, value)
        scores = self._scores(q, k, *self._masks(q, k, **masks))
        weights = scores.softmax(-1) if need_weights else _softmax_of_some(scores)
        weights = apply((weights,), self.dropout, True, False, self.rule, self.source)
        y = (weights @ v).transpose(1, 2).flatten(2)
        y = self._as_given(F.linear(y, self.out_proj.weight, self.out_proj.bias), query)
        if not need_weights:
            return y, None
        if average_attn_weights:
            weights = weights.mean(1)
        return y, weights if query.dim() == 3 else weights.squeeze(0)

    # Below, samples come first.

    def _given(self, x: Tensor) -> Tensor:
        if x.dim() == 2:
            return x.unsqueeze(0)
        return x if self.batch_first else x.transpose(0, 1)

    def _as_given(self, y: Tensor, query: Tensor) -> Tensor:
        if query.dim() == 2:
            return y.squeeze(0)
        return y if self.batch_first else y.transpose(0, 1)

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        # Heads of queries, keys and values: (sample, head, place, feature).
        if self.in_proj_weight is not None and query is key and key is value:
            x = F.linear(self._given(query), self.in_proj_weight, self.in_proj_bias)
            projected = list(x.chunk(3, -1))
        else:
            if self.in_proj_weight is not None:
                weights = self.in_proj_weight.chunk(3)
            else:
                weights = (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight)
            biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
            projected = [
                F.linear(self._given(x), weight, bias)
                for x, weight, bias in zip((query, key, value), weights, biases, strict=True)
            ]
        for place, extra in ((1, self.bias_k), (2, self.bias_v)):
            if extra is not None:
                row = extra.expand(len(projected[place]), -1, -1)
                projected[place] = torch.cat([projected[place], row], 1)
        heads = [x.unflatten(-1, (self.num_heads, -1)).transpose(1, 2) for x in projected]
        if self.add_zero_attn:
            heads[1:] = [F.pad(x, (0, 0, 0, 1)) for x in heads[1:]]
        return heads

    def _masks(
        self, q: Tensor, k: Tensor, key_padding_mask: Tensor | None, attn_mask: Tensor | None
    ) -> list[Tensor]:
        # What is added to the scores, as far as it is given; 0 for the places that were
        # appended to the keys.
        masks = []
        if attn_mask is not None:
            mask = attn_mask
            if mask.dim() == 3:
                mask = mask.unflatten(0, (-1, self.num_heads))
            masks.append(mask)
        if key_padding_mask is not None:
            mask = key_padding_mask
            masks.append(mask.view(-1, 1, 1, mask.shape[-1]))
        for place, mask in enumerate(masks):
            if mask.dtype is torch.bool:
                mask = torch.zeros_like(mask, dtype=q.dtype).masked_fill_(mask, -torch.inf)
            masks[place] = F.pad(mask, (0, k.shape[2] - mask.shape[-1]))
        return masks

    def _scores(self, q: Tensor, k: Tensor, *masks: Tensor) -> Tensor:
        scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-2, -1)
        for mask in masks:
            scores = scores + mask
        return scores


def _softmax_of_some(scores: Tensor) -> Tensor:
    # Where all is masked there is no weight, rather than nan: as PyTorch has it where no
    # weights are asked for.
    nothing = (scores == -torch.inf).all(-1, keepdim=True)
    return scores.masked_fill(nothing, 0).softmax(-1).masked_fill(nothing, 0)
