"""The hook that a plugin implements, and `hookimpl`, which marks the implementation."""

from __future__ import annotations

from collections.abc import Callable

import pluggy

from dropcore.variants.base import Variant

PROJECT = "dropcore"

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_variants(register: Callable[[type[Variant]], None]) -> None:
    """Call ``register(variant_class)`` for each variant of the module."""
