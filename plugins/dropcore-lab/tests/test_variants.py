"""The page offers each registered variant, with its options."""

import contextlib
import dataclasses
from typing import Any, ClassVar

import dropcore_lab.variants
import numpy as np
import pytest
from dropcore_lab import reading
from dropcore_lab.variants import offers, options_of, usable

import dropcore
from dropcore import plugins


@dataclasses.dataclass(frozen=True)
class Noise(dropcore.FreeVariant):
    """Noise for tests.

    Parameters
    ----------
    width : float, default: 1.0
        How wide
        it is.
    shift : int or None, default: None
        Where it is.
    """

    name: ClassVar[str] = "noise_for_tests"
    p_domain: ClassVar[Any] = "[0, 1)"

    width: float = 1.0
    shift: int | None = None
    quiet: bool = False

    def __post_init__(self):
        if self.width < 0:
            raise ValueError(f"width must be 0 or more, not {self.width}")

    def forward(self, draw, p, *inputs):
        x = inputs[0]
        words = draw.words(x.size).reshape(x.shape)
        noise = 1 + self.width * p * ((words >> 11) * 2.0**-53 - 0.5)
        noise = noise.astype(x.dtype)
        return x * noise, (noise,)

    def backward(self, draw, p, dy, *saved):
        return dy * saved[0]


@dataclasses.dataclass(frozen=True)
class TwoInputs(Noise):
    """A variant with two inputs."""

    name: ClassVar[str] = "two_for_tests"
    inputs: ClassVar[tuple[str, ...]] = ("x", "previous")


@dataclasses.dataclass(frozen=True)
class Untyped(Noise):
    """A variant with an option that JSON cannot express."""

    name: ClassVar[str] = "untyped_for_tests"
    array: np.ndarray = dataclasses.field(kw_only=True)


@contextlib.contextmanager
def registered(monkeypatch, *classes):
    """Register these variants within the block, as plugins do."""
    registry = plugins.Registry()
    for each in classes or (Noise,):
        registry._plugins.append(plugins.Plugin(each.name, "tests", "for-tests", "1.0"))
        registry._classes[each.name] = each
    registry._plugins.append(plugins.Plugin("broken", "no_such_module", "for-tests", "1.0"))
    with monkeypatch.context() as patched:
        patched.setattr(plugins, "registry", lambda: registry)
        patched.setattr(dropcore_lab.variants, "registry", lambda: registry)
        offers.cache_clear()
        yield
    offers.cache_clear()


def test_the_built_in_ones_are_offered_standard_first():
    assert next(iter(offers())) == "standard"
    assert {"standard", "spatial", "alpha"} <= set(usable())


def test_a_registered_variant_is_offered_with_its_options(monkeypatch):
    with registered(monkeypatch, Noise, TwoInputs, Untyped):
        offered = {name: offer.described() for name, offer in offers().items()}
        noise = offered["noise_for_tests"]
        assert noise["available"]
        assert noise["p_domain"] == "[0, 1)"
        assert not noise["decides"]
        assert noise["text"] == "Noise for tests."
        width, shift, quiet = noise["options"]
        assert (width["name"], width["kind"], width["default"]) == ("width", "number", 1)
        assert width["text"] == "How wide it is."
        assert (shift["kind"], shift["nullable"], shift["default"]) == ("integer", True, None)
        assert (quiet["kind"], quiet["default"]) == ("boolean", False)
        assert "previous" in offered["two_for_tests"]["reason"]
        assert not offered["untyped_for_tests"]["available"]
        assert "no_such_module" in offered["broken"]["reason"]


def test_a_registered_variant_trains(monkeypatch):
    from dropcore_lab.training import Training
    from helpers import changed

    with registered(monkeypatch):
        dropout = {"p": 0.5, "variant": "noise_for_tests", "options": {"shift": 2}}
        one = reading.read(changed(layers=[{"name": "hidden1", "dropout": dropout}], runs=[{}]))
        assert options_of(one.layers[0].dropout.variant) == {
            "width": 1,
            "shift": 2,
            "quiet": False,
        }
        training = Training(one)
        training.advance(show=True)
        assert training.networks[0].counted("hidden1") is None
        assert training.again() == {"losses": True, "masks": True}


def test_what_a_variant_raises_is_a_fault(monkeypatch):
    from dropcore_lab.fields import Faults

    with registered(monkeypatch), pytest.raises(Faults, match="width must be 0 or more"):
        reading.read(
            {
                "layers": [
                    {
                        "name": "a",
                        "dropout": {"variant": "noise_for_tests", "options": {"width": -1}},
                    }
                ]
            }
        )
