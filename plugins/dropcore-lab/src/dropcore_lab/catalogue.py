"""The choices on the page: data sets, variants, presets, cards, and the limits of every field."""

from __future__ import annotations

from functools import cache
from importlib.metadata import version
from typing import Any

import dropcore
from dropcore_lab import limits, messages, reading, variants
from dropcore_lab.cards import CARDS
from dropcore_lab.data import Data
from dropcore_lab.data.datasets import DATASETS, Dataset
from dropcore_lab.fields import Choice, Field
from dropcore_lab.presets import PRESETS
from dropcore_lab.spec import Spec


def default() -> Spec:
    """Return the first preset."""
    return reading.read(PRESETS[0].spec)


@cache
def ready() -> dict[str, Any]:
    """Return the data that the page needs at its start; the data never change."""
    return {
        "protocol": messages.PROTOCOL,
        "version": version("dropcore-lab"),
        "stream_version": dropcore.STREAM_VERSION,
        "catalogue": {
            "limits": limits.described(),
            "fields": {name: field.described() for name, field in _fields().items()},
            "datasets": [_dataset(name, dataset) for name, dataset in DATASETS.items()],
            "variants": [offer.described() for offer in variants.offers().values()],
            "presets": [preset.described() for preset in PRESETS],
            "cards": [card.described() for card in CARDS.values()],
        },
    }


def _fields() -> dict[str, Field]:
    tables = {
        "layers": {
            "name": reading.NAME,
            "type": Choice(choices=tuple(reading.TYPES), default="dense", title="type"),
            **reading.SHARED,
        },
        "layers.dense": reading.DENSE,
        "layers.conv": reading.CONV,
        "training": reading.TRAINING,
        "runs": reading.RUN,
        "dropout": {
            "p": reading.P,
            "variant": Choice(choices=variants.usable(), default="standard", title="variant"),
        },
    }
    return {
        f"{table}.{name}": field
        for table, fields in tables.items()
        for name, field in fields.items()
    }


def _dataset(name: str, dataset: Dataset) -> dict[str, Any]:
    picture = None
    if dataset.source is not None:
        picture = _picture(name)
    return {
        "name": name,
        "title": dataset.title,
        "text": dataset.text,
        "task": dataset.task,
        "features": list(dataset.features),
        "shape": list(dataset.shape),
        "classes": list(dataset.classes),
        "picture": picture,
        "fields": {key: field.described() for key, field in dataset.fields.items()},
        "available": dataset.reason is None,
        "reason": dataset.reason,
    }


def _picture(name: str) -> str:
    dataset = DATASETS[name]
    values = {key: field.default for key, field in dataset.fields.items()}
    return Data(name, values).facts.picture
