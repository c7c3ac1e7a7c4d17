"""Multi-head attention that uses dropcore's dropout.

    weights = dropout(softmax(q k^T / sqrt(d) + mask)),  y = (weights v) W_o + b_o

Vaswani and others, "Attention is all you need", NeurIPS 2017, section 3.2, with the dropout of
their implementation. PyTorch's module computes attention in one function, in which the dropout
cannot be replaced. So this file has the computation in training. In inference, and with p = 0,
PyTorch's own code runs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from dropcore_torch import situation
from dropcore_torch.attention import attend
from dropcore_torch.functional import apply
from dropcore_torch.others import is_other
from dropcore_torch.private import dtype_or_none, mha_mask, mha_shape_check
from dropcore_torch.rule import rule_of
from dropcore_torch.source import RNG, source_of_layer
from dropcore_torch.symbolic import Proxy, as_leaf, refuse_script


class MultiheadAttention(nn.MultiheadAttention):
    """`torch.nn.MultiheadAttention`, made by `convert`."""

    def adopt(self, rng: RNG = None) -> None:
        """Set the attributes that PyTorch's module does not have."""
        self.source = source_of_layer(rng)
        self.rule = rule_of("standard", {})

    __prepare_scriptable__ = refuse_script

    def abandon(self) -> None:
        """Remove the attributes that `adopt` set."""
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
        """The same as in PyTorch's module."""
        masks: dict[str, Any] = {"key_padding_mask": key_padding_mask, "attn_mask": attn_mask}
        if isinstance(query, Proxy):
            rest = (key_padding_mask, need_weights, attn_mask, average_attn_weights, is_causal)
            return as_leaf(self, query, key, value, *rest)
        any_other = is_other(query) or is_other(key) or is_other(value)
        if any_other and self.training and self.dropout:
            situation.refuse(
                "attention of tensors that are not plain", "compute it in steps, with Dropout"
            )
        hint_alone = is_causal and attn_mask is None  # PyTorch refuses this
        if not self.training or self.dropout == 0 or any_other or hint_alone:
            return super().forward(
                query,
                key,
                value,
                need_weights=need_weights,
                average_attn_weights=average_attn_weights,
                is_causal=is_causal,
                **masks,
            )
        self._check(query, key, value, **masks)
        mask = self._mask(query, **masks)
        if not need_weights and mask is not None and mask.dtype is torch.float32:
            mask = mask.to(query.dtype)  # PyTorch's function without weights accepts such a mask
        q, k, v = self._project(query, key, value)
        if need_weights:
            weights = self._drop(_scores(q, k, mask).softmax(-1))
            y = weights @ v
        else:
            if mask is not None and mask.dtype is not query.dtype:
                raise RuntimeError(
                    f"attn_mask must be of query's dtype {query.dtype}, not {mask.dtype}"
                )
            mask = _of_heads(mask, q, k)
            y = attend(q, k, v, mask, self.dropout, False, None, False, self.source, self._drop)
        y = y.permute(2, 0, 1, 3).flatten(2)  # positions come first in PyTorch's output
        y = self._as_given(F.linear(y, self.out_proj.weight, self.out_proj.bias), query)
        if not need_weights:
            return y, None
        if average_attn_weights:
            weights = weights.mean(1)
        return y, weights if query.dim() == 3 else weights.squeeze(0)

    def _drop(self, weights: Tensor) -> Tensor:
        return apply((weights,), self.dropout, True, False, self.rule, self.source)

    def _check(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None,
        attn_mask: Tensor | None,
    ) -> None:
        # Checks that PyTorch's module makes. The operators called in this file lack these checks,
        # or report a failed check unclearly.
        mha_shape_check(query, key, value, key_padding_mask, attn_mask, self.num_heads)
        widths = {"query": self.embed_dim, "key": self.kdim, "value": self.vdim}
        for (name, width), x in zip(widths.items(), (query, key, value), strict=True):
            if x.shape[-1] != width:
                raise AssertionError(f"{name} must be of width {width}, not {x.shape[-1]}")
        samples, places, _ = self._given(query).shape
        of_key, keys, _ = self._given(key).shape
        if key.shape[:-1] != value.shape[:-1]:
            raise AssertionError(
                f"key and value must be alike but in width, not {key.shape} and {value.shape}"
            )
        if of_key != samples:
            raise RuntimeError(f"key must have query's {samples} samples, not {of_key}")
        if key_padding_mask is not None:
            wanted = (samples, keys)[2 - key_padding_mask.dim() :]
            if key_padding_mask.shape != wanted:
                raise AssertionError(
                    f"key_padding_mask must be of shape {wanted}, not {key_padding_mask.shape}"
                )
        if attn_mask is not None:
            wanted = (samples * self.num_heads, places, keys)[3 - attn_mask.dim() :]
            if attn_mask.shape != wanted:
                raise RuntimeError(f"attn_mask must be of shape {wanted}, not {attn_mask.shape}")

    def _mask(
        self, query: Tensor, key_padding_mask: Tensor | None, attn_mask: Tensor | None
    ) -> Tensor | None:
        # The numbers that are added to the scores, for each head of each sample or for all.
        of_other = dtype_or_none(attn_mask)
        padding = mha_mask(key_padding_mask, "key_padding_mask", of_other, "attn_mask", query.dtype)
        mask = mha_mask(attn_mask, "attn_mask", None, "", query.dtype, False)
        if padding is None:
            return mask
        padding = torch.atleast_2d(padding).unsqueeze(1).repeat_interleave(self.num_heads, 0)
        return padding if mask is None else mask + padding

    def _given(self, x: Tensor) -> Tensor:
        # Returns x with the axes (sample, position, feature).
        if x.dim() == 2:
            return x.unsqueeze(0)
        return x if self.batch_first else x.transpose(0, 1)

    def _as_given(self, y: Tensor, query: Tensor) -> Tensor:
        # Converts y with the axes (position, sample, feature) to the axes of query.
        if query.dim() == 2:
            return y.squeeze(1)
        return y.transpose(0, 1) if self.batch_first else y

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        # Returns queries, keys and values with the axes (sample, head, position, feature).
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


def _scores(q: Tensor, k: Tensor, mask: Tensor | None) -> Tensor:
    q, k = q * q.shape[-1] ** -0.5, k.transpose(-2, -1)
    if mask is None:
        return q @ k
    mask = F.pad(mask, (0, k.shape[-1] - mask.shape[-1]))  # 0 for positions appended to the keys
    # In one operator, as in PyTorch: this operator refuses a mask of another dtype.
    return torch.baddbmm(mask, q.flatten(0, 1), k.flatten(0, 1)).unflatten(0, q.shape[:2])


def _of_heads(mask: Tensor | None, q: Tensor, k: Tensor) -> Tensor | None:
    # The mask for each head of each sample or for all, extended for keys that are appended.
    if mask is None:
        return None
    mask = F.pad(mask, (0, k.shape[-2] - mask.shape[-1]))  # 0: the key is visible
    return mask if mask.dim() == 2 else mask.unflatten(0, q.shape[:2])
