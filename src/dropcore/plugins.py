"""The registry: which variants there are, and the plugins that bring them.

A plugin is an installed distribution with entry points in the group ``dropcore.variants``,
each named as the variant that it brings. Names, origins and duplicates are read from the
metadata; a plugin's module is imported when one of its variants is first asked for, and
then handed to pluggy, whose hook must register that name. A plugin that fails is named in a
warning, asking for its variant raises the cause, and the rest go on working.

The environment variable ``DROPCORE_PLUGINS`` says whose entry points count: unset, all;
empty, none; else those of a comma-separated list of distributions.

A plugin is code that runs with the rights of the process that asks for its variant.
"""

from __future__ import annotations

import difflib
import os
import re
import threading
import warnings
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, fields
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

import pluggy

from dropcore import hookspecs
from dropcore._version import __version__
from dropcore.variants.base import Variant, check_plain, plain

GROUP = "dropcore.variants"
BUILT_IN = {
    "standard": "dropcore.variants.standard",
    "spatial": "dropcore.variants.spatial",
    "alpha": "dropcore.variants.alpha",
}


class PluginWarning(UserWarning):
    """A plugin failed; its variants are missing, everything else works."""


@dataclass
class Plugin:
    """One variant's entry: where it comes from, and what became of it.

    Attributes
    ----------
    name : str
        Of the variant.
    module : str
        That is imported for it.
    distribution, version : str
    state : {"not loaded", "loaded", "failed", "switched off"}
    error : str
        Why it failed.
    """

    name: str
    module: str
    distribution: str
    version: str
    state: Literal["not loaded", "loaded", "failed", "switched off"] = "not loaded"
    error: str = ""


class Registry:
    """Variants by name, found in the metadata and loaded when first asked for."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._classes: dict[str, type[Variant]] = {}
        self._failures: dict[tuple[str, str], Exception] = {}
        self._plugins = list(self._scan())
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)

    def _scan(self) -> Iterator[Plugin]:
        for name, module in BUILT_IN.items():
            yield Plugin(name, module, "dropcore", __version__)
        chosen = _chosen_distributions()
        for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
            distribution, version = _origin(entry)
            plugin = Plugin(entry.name, entry.value, distribution, version)
            if chosen is not None and _canonical(distribution) not in chosen:
                plugin.state = "switched off"
            yield plugin

    def plugins(self) -> list[Plugin]:
        """Every entry, the built-in variants first."""
        return list(self._plugins)

    def names(self) -> list[str]:
        """The variants that can be asked for, sorted, without importing any."""
        return sorted({plugin.name for plugin in self._plugins if plugin.state != "switched off"})

    def variant_class(self, name: str) -> type[Variant]:
        """The class registered as `name`; its module is imported the first time."""
        found = self._classes.get(name)
        if found is not None:
            return found
        with self._lock:
            return self._classes.get(name) or self._load(self._entry(name))

    def _entry(self, name: str) -> Plugin:
        entries = [p for p in self._plugins if p.name == name and p.state != "switched off"]
        if not entries:
            raise LookupError(self._unknown(name))
        first, *others = entries
        if name in BUILT_IN:
            for plugin in others:
                if plugin.state != "failed":
                    self._fail(plugin, ValueError(f"the name {name!r} is built in, and reserved"))
        elif others:
            origins = " and ".join(plugin.distribution for plugin in entries)
            for plugin in entries:
                plugin.state, plugin.error = "failed", f"registered by {origins}"
            raise LookupError(
                f"variant {name!r} is registered by {origins}: uninstall one, "
                "or choose with DROPCORE_PLUGINS"
            )
        return first

    def _unknown(self, name: str) -> str:
        close = difflib.get_close_matches(name, self.names(), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        off = any(plugin.name == name for plugin in self._plugins)
        why = "switched off by DROPCORE_PLUGINS" if off else "unknown"
        return f"variant {name!r} is {why}{hint} Installed: {', '.join(self.names())}"

    def _load(self, plugin: Plugin) -> type[Variant]:
        if plugin.name in BUILT_IN:  # it cannot fail but for a passing cause, as an interrupt
            return self._register(plugin)
        failure = self._failures.get((plugin.name, plugin.distribution))
        if failure is None:
            try:
                return self._register(plugin)
            except Exception as error:
                failure = self._fail(plugin, error)
        raise LookupError(
            f"variant {plugin.name!r} of {plugin.distribution} could not be loaded: "
            f"{type(failure).__name__}: {failure}"
        ) from failure

    def _register(self, plugin: Plugin) -> type[Variant]:
        module = import_module(plugin.module.partition(":")[0])
        brought: dict[str, type[Variant]] = {}

        def register(variant: type[Variant]) -> None:
            _check_class(variant)
            if variant.name in brought:
                raise ValueError(f"variant {variant.name!r} is registered twice by {plugin.module}")
            brought[variant.name] = variant

        if self._manager.is_registered(module):
            self._manager.unregister(module)
        self._manager.register(module, name=plugin.module)
        try:
            self._manager.check_pending()
            others = [other for other in self._manager.get_plugins() if other is not module]
            hook = self._manager.subset_hook_caller("register_variants", others)
            hook(register=register)
        except BaseException:
            self._manager.unregister(module)
            raise
        if plugin.name not in brought:
            raise LookupError(
                f"{plugin.module} registers {', '.join(brought) or 'nothing'}, not {plugin.name!r}"
            )
        self._classes[plugin.name] = brought[plugin.name]
        plugin.state = "loaded"
        return brought[plugin.name]

    def _fail(self, plugin: Plugin, error: Exception) -> Exception:
        plugin.state = "failed"
        plugin.error = f"{type(error).__name__}: {error}"
        self._failures[plugin.name, plugin.distribution] = error
        warnings.warn(
            f"plugin {plugin.distribution} {plugin.version}, "
            f"variant {plugin.name!r}: {plugin.error}",
            PluginWarning,
            stacklevel=2,
        )
        return error


def _check_class(variant: object) -> None:
    if not (isinstance(variant, type) and issubclass(variant, Variant)):
        raise TypeError(f"register takes a class derived from Variant, not {variant!r}")
    if not isinstance(getattr(variant, "name", None), str):
        raise TypeError(f"{variant.__name__}.name must be a str")


def _chosen_distributions() -> set[str] | None:
    text = os.environ.get("DROPCORE_PLUGINS")
    if text is None:
        return None
    return {_canonical(name) for name in text.split(",") if name.strip()}


def _canonical(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution.strip()).lower()


def _origin(entry: EntryPoint) -> tuple[str, str]:
    if entry.dist is None:
        return "an unknown distribution", ""
    return entry.dist.name, entry.dist.version


_registry: Registry | None = None
_registry_lock = threading.Lock()


def registry() -> Registry:
    """The process's registry, made when it is first needed."""
    global _registry
    with _registry_lock:
        if _registry is None:
            _registry = Registry()
        return _registry


def _after_fork_in_child() -> None:
    # Another thread may have held them, and is not there to let them go.
    global _registry_lock
    _registry_lock = threading.Lock()
    if _registry is not None:
        _registry._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def variants() -> list[str]:
    """Names of the variants that can be asked for: the built-in ones and the plugins'.

    Returns
    -------
    list of str
        Sorted. No plugin is imported.

    Examples
    --------
    >>> import dropcore
    >>> "standard" in dropcore.variants()
    True
    """
    return registry().names()


def get_variant(name: str | Variant, /, **options: Any) -> Variant:
    """A variant by its name, with its options.

    Parameters
    ----------
    name : str or Variant
        A Variant is returned as it is, and takes no options.
    **options
        The variant's own; ``dropcore variants NAME`` lists them. NumPy's scalars become
        Python's, lists tuples.

    Returns
    -------
    Variant

    Raises
    ------
    LookupError
        If no variant has that name, or its plugin failed; the message says what is
        close, what is installed, or the cause.
    TypeError, ValueError
        If an option is not the variant's, or not what it accepts; or if the variant holds
        what JSON cannot, such as an array, so that no `Mask.record` could be saved.

    Examples
    --------
    >>> import dropcore
    >>> dropcore.get_variant("standard", shared_axes=(2, 3))
    Standard(shared_axes=(2, 3))
    """
    if isinstance(name, Variant):
        if options:
            raise TypeError(f"options {sorted(options)} belong in the Variant that was passed")
        check_plain(name)
        return name
    if not isinstance(name, str):
        raise TypeError(f"variant must be a name or a Variant, not {name!r}")
    variant = registry().variant_class(name)
    known = [field.name for field in fields(variant)]
    for option in options:
        if option not in known:
            raise TypeError(
                f"{option!r} is no option of variant {name!r}, which takes "
                f"{', '.join(known) or 'none'}"
            )
    for field in fields(variant):
        if field.name not in options and field.default is field.default_factory is MISSING:
            raise TypeError(f"variant {name!r} needs the option {field.name}")
    built = variant(**{option: plain(value) for option, value in options.items()})
    check_plain(built)
    return built
