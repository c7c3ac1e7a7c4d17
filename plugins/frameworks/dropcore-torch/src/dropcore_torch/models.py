"""Well-known models, built from their configurations, for the timings of `step`.

They need the extra ``dropcore-torch[models]``: transformers, timm and torchvision.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

Inputs = dict[str, Any]

LENGTH = 128  # words in a sample
WORDS = 1000  # words in the vocabulary


def torchvision() -> ModuleType:
    """The module torchvision, which timm and transformers import if it is installed.

    Its wheels are built for CUDA. With PyTorch's build for CPUs, the compiled part of torchvision
    is not loaded, and the import fails because two of torchvision's operators are missing. The
    models in this file do not call these operators, so it is enough to define the names.
    """
    try:
        import torchvision
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for name in [name for name in sys.modules if name.split(".")[0] == "torchvision"]:
            del sys.modules[name]
        library = torch.library.Library("torchvision", "DEF")
        _kept.append(library)
        boxes = "Tensor dets, Tensor scores, float iou_threshold"
        for name in ("nms", "qnms"):
            library.define(f"{name}({boxes}) -> Tensor")
        import torchvision
    return torchvision


_kept: list[Any] = []  # the definitions are removed when their library object is deleted


def _words(batch: int) -> Inputs:
    return {"input_ids": torch.randint(WORDS, (batch, LENGTH))}


def bert(p: float) -> tuple[nn.Module, Inputs]:
    """Four layers of BERT base, without its head."""
    torchvision()
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=WORDS,
        num_hidden_layers=4,
        hidden_dropout_prob=p,
        attention_probs_dropout_prob=p,
    )
    return BertModel(config, add_pooling_layer=False), _words(2)


def gpt2(p: float) -> tuple[nn.Module, Inputs]:
    """Four layers of GPT-2, without its head."""
    torchvision()
    from transformers import GPT2Config, GPT2Model

    rates = {"resid_pdrop": p, "embd_pdrop": p, "attn_pdrop": p}
    config = GPT2Config(vocab_size=WORDS, n_positions=LENGTH, n_layer=4, use_cache=False, **rates)
    return GPT2Model(config), _words(2)


def vit(p: float) -> tuple[nn.Module, Inputs]:
    """The tiny vision transformer of timm: twelve layers of 192, of 64 patches."""
    torchvision()
    import timm

    rates = {"proj_drop_rate": p, "attn_drop_rate": p, "pos_drop_rate": p, "drop_rate": p}
    model = timm.create_model("vit_tiny_patch16_224", img_size=128, **rates)
    return model, {"x": torch.randn(8, 3, 128, 128)}


class LanguageModel(nn.Module):
    """An LSTM of two layers over words, with dropout as in Zaremba and others (2014)."""

    def __init__(self, p: float, width: int = 256) -> None:
        super().__init__()
        self.words = nn.Embedding(WORDS, width)
        self.drop = nn.Dropout(p)
        self.layers = nn.LSTM(width, width, 2, dropout=p, batch_first=True)
        self.scores = nn.Linear(width, WORDS)

    def forward(self, input_ids: Tensor) -> Tensor:
        """Scores for the next word, at each position."""
        y, _ = self.layers(self.drop(self.words(input_ids)))
        return self.scores(self.drop(y))


def lstm(p: float) -> tuple[nn.Module, Inputs]:
    """A language model of two layers of 256."""
    return LanguageModel(p), _words(8)


def cnn(p: float) -> tuple[nn.Module, Inputs]:
    """Four convolutions, each with Dropout2d, and dropout before the last map."""
    layers: list[nn.Module] = []
    for before, after in ((3, 32), (32, 64), (64, 64), (64, 128)):
        convolution = nn.Conv2d(before, after, 3, padding=1)
        layers += [convolution, nn.ReLU(), nn.Dropout2d(p), nn.MaxPool2d(2)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Dropout(p), nn.Linear(512, 10))
    return model, {"input": torch.randn(32, 3, 32, 32)}


MODELS: dict[str, Callable[[float], tuple[nn.Module, Inputs]]] = {
    "bert": bert,
    "gpt2": gpt2,
    "vit": vit,
    "lstm": lstm,
    "cnn": cnn,
}
