"""Prepared networks. A test checks the effect that each preset should show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dropcore_lab import variants
from dropcore_lab.data.datasets import DATASETS

Json = Mapping[str, Any]

WITHOUT = {"name": "without", "p": 0}


def dropout(p: float, variant: str = "standard", **options: Any) -> Json:
    """Write a dropout."""
    return {"p": p, "variant": variant, "options": options}


def dense(name: str, units: int, p: float | None = None, **fields: Any) -> Json:
    """Write a dense layer, with standard dropout if `p` is given."""
    layer = {"name": name, "units": units, **fields}
    return layer if p is None else {**layer, "dropout": dropout(p)}


def hidden(units: int, p: float, count: int = 2, **fields: Any) -> list[Json]:
    """Write hidden layers of one width: hidden1, hidden2, ..."""
    return [dense(f"hidden{place}", units, p, **fields) for place in range(1, count + 1)]


def against(p: float) -> list[Json]:
    """Write two runs: without dropout, and with the dropout of the layers."""
    return [WITHOUT, {"name": f"p = {p:g}"}]


@dataclass(frozen=True)
class Preset:
    """A specification with a name."""

    id: str
    title: str
    text: str
    spec: Json

    @property
    def reason(self) -> str | None:
        """The reason why the preset cannot be used in this installation; None if it can."""
        missing = sorted(_named_variants(self.spec) - set(variants.usable()))
        if missing:
            return f"it needs the variant {missing[0]}"
        return DATASETS[self.spec["data"]["name"]].reason

    def described(self) -> dict[str, Any]:
        """Return the preset in the form for the page."""
        reason = self.reason
        return {
            "id": self.id,
            "title": self.title,
            "text": self.text,
            "spec": self.spec,
            "available": reason is None,
            "reason": reason,
        }


def _named_variants(value: Any) -> set[str]:
    if isinstance(value, Mapping):
        own = {value["variant"]} if isinstance(value.get("variant"), str) else set()
        return own.union(*map(_named_variants, value.values()))
    return set().union(*map(_named_variants, value)) if isinstance(value, list) else set()


FEW_MOONS = {"name": "moons", "rows": 60, "validation": 200, "noise": 0.25, "wrong": 0.1}
CONVOLUTIONS = [
    {"name": "conv1", "type": "conv", "channels": 8, "dropout": dropout(0.3)},
    {"name": "conv2", "type": "conv", "channels": 16, "stride": 2, "dropout": dropout(0.3)},
]
BY_CHANNEL = {
    "name": "spatial",
    "dropout": {name: dropout(0.3, "spatial", channel_axis=1) for name in ("conv1", "conv2")},
}

PRESETS = (
    Preset(
        "overfit",
        "Overfitting, and dropout",
        "60 noisy rows and two layers of 16 units: one run without dropout, one with p = 0.5.",
        {
            "data": FEW_MOONS,
            "layers": hidden(16, 0.5),
            "training": {"batch": 32, "steps": 2000},
            "runs": against(0.5),
        },
    ),
    Preset(
        "churn",
        "Churn, 2-4-1",
        "A network like those in many tutorials: two inputs, four hidden units, five customers.",
        {
            "data": {"name": "churn"},
            "layers": hidden(4, 0.5, count=1),
            "training": {"optimizer": "sgd", "momentum": 0, "lr": 0.5, "batch": 5, "steps": 400},
            "runs": against(0.5),
        },
    ),
    Preset(
        "wide",
        "Wide, 10-256-256-256-1",
        "Ten inputs, of which three determine the class, and far more weights than rows.",
        {
            "data": {"name": "ten", "rows": 200, "validation": 400, "wrong": 0.1},
            "layers": hidden(256, 0.5, count=3),
            "training": {"lr": 0.002, "steps": 1000},
            "runs": against(0.5),
        },
    ),
    Preset(
        "rates",
        "Four rates",
        "The same network without dropout and with p = 0.2, 0.5 and 0.8.",
        {
            "data": FEW_MOONS,
            "layers": hidden(16, 0.5),
            "training": {"batch": 32, "steps": 2000},
            "runs": [WITHOUT, *({"name": f"p = {p:g}", "p": p} for p in (0.2, 0.5, 0.8))],
        },
    ),
    Preset(
        "spiral",
        "Spiral",
        "Two arms: a boundary that is hard to learn.",
        {
            "data": {"name": "spiral", "rows": 200, "noise": 0.05},
            "layers": hidden(64, 0.2),
            "training": {"steps": 4000, "every": 20},
            "runs": against(0.2),
        },
    ),
    Preset(
        "sine",
        "A noisy sine",
        "A number to predict: the fit, and the band of Monte Carlo dropout.",
        {
            "data": {"name": "sine", "rows": 40, "noise": 0.3},
            "layers": hidden(64, 0.2),
            "training": {"batch": 40, "steps": 3000, "every": 15},
            "runs": against(0.2),
        },
    ),
    Preset(
        "subnetworks",
        "All sub-networks",
        "Eight hidden units with dropout: 256 sub-networks, and the one pass that approximates "
        "their mean.",
        {
            "data": {"name": "circles", "rows": 100},
            "layers": [dense("hidden1", 8, 0.5)],
            "training": {"steps": 1500},
            "runs": [{"name": "p = 0.5"}],
        },
    ),
    Preset(
        "norm",
        "Batch normalisation",
        "Dropout in front of a normalisation in one run, behind the last normalisation in the "
        "other.",
        {
            "data": FEW_MOONS,
            "layers": hidden(32, 0.5, norm=True),
            "training": {"batch": 32, "steps": 600, "every": 5},
            "runs": [
                {"name": "in front", "dropout": {"hidden2": dropout(0)}},
                {"name": "behind", "dropout": {"hidden1": dropout(0)}},
            ],
        },
    ),
    Preset(
        "alpha",
        "Selu and alpha dropout",
        "Behind selu: the standard variant, and alpha, which keeps mean and variance.",
        {
            "data": FEW_MOONS,
            "layers": hidden(32, 0.2, activation="selu"),
            "training": {"batch": 32, "steps": 1000},
            "runs": [
                {"name": "standard"},
                {
                    "name": "alpha",
                    "dropout": {n: dropout(0.2, "alpha") for n in ("hidden1", "hidden2")},
                },
            ],
        },
    ),
    Preset(
        "digits",
        "Digits",
        "Handwritten digits, a tenth of them with a wrong label.",
        {
            "data": {"name": "digits", "rows": 400, "validation": 600, "wrong": 0.1},
            "layers": hidden(64, 0.5),
            "training": {"lr": 0.005, "steps": 1000, "every": 10},
            "runs": against(0.5),
        },
    ),
    Preset(
        "convolutions",
        "Convolutions",
        "Digits through two convolutions: single pixels are dropped, or whole channels.",
        {
            "data": {"name": "digits", "rows": 150, "validation": 600, "wrong": 0.1},
            "layers": CONVOLUTIONS,
            "training": {"batch": 32, "lr": 0.003, "steps": 400, "every": 10},
            "runs": [WITHOUT, {"name": "standard"}, BY_CHANNEL],
        },
    ),
    Preset(
        "cancer",
        "Breast cancer",
        "Thirty measurements of a tumour; a tenth of the labels is wrong.",
        {
            "data": {"name": "cancer", "rows": 200, "validation": 300, "wrong": 0.1},
            "layers": hidden(64, 0.5),
            "training": {"batch": 32, "lr": 0.003, "steps": 600, "every": 5},
            "runs": against(0.5),
        },
    ),
)
