"""The registry of variants, built-in and from plugins.

A plugin is an installed distribution with entry points in the group ``dropcore.variants``, each
with the name of a variant. Names, origins and duplicates are read from the metadata alone. The
first request for a variant imports the plugin's module and registers the module with pluggy. The
module's hook must register the name of the variant. If a plugin fails, a warning names it, and a
request for its variant raises the cause. The other plugins still work.

The environment variable ``DROPCORE_PLUGINS`` selects distributions. It is a comma-separated list of
the distributions whose entry points count. If the variable is not set, the entry points of all
distributions count. If the variable is empty, no entry points count.

A plugin is code. It runs with the rights of the process that requests its variant.
"""

from __future__ import annotations

import difflib
import os
import re
import threading
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import MISSING, dataclass, fields
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Literal, overload

import pluggy

from dropcore import hookspecs
from dropcore._version import __version__
from dropcore.variants.base import Variant, check_methods, check_plain, plain

if TYPE_CHECKING:
    from typing import Unpack

    from typing_extensions import deprecated

    from dropcore.variants import known
    from dropcore.variants.alpha import Alpha
    from dropcore.variants.spatial import Spatial
    from dropcore.variants.standard import Standard

GROUP = "dropcore.variants"
HINTS = {"seed": ": pass the seed as rng", "generator": ": pass a Stream as rng"}
MORE = "More variants are in plugins/ of dropcore's repository: make plugins installs them."
BUILT_IN = {
    "standard": "dropcore.variants.standard",
    "spatial": "dropcore.variants.spatial",
    "alpha": "dropcore.variants.alpha",
}


class PluginWarning(UserWarning):
    """A plugin failed. The variants of this plugin are missing; everything else works."""


@dataclass
class Plugin:
    """The entry of one variant: its origin and its state.

    Attributes
    ----------
    name : str
        Name of the variant.
    module : str
        The module that registers the variant.
    distribution, version : str
    state : {"not loaded", "loaded", "failed", "switched off"}
    error : str
        The reason of the failure; empty if nothing failed.
    """

    name: str
    module: str
    distribution: str
    version: str
    state: Literal["not loaded", "loaded", "failed", "switched off"] = "not loaded"
    error: str = ""


class Registry:
    """Variants by name: found in the metadata, loaded at the first request."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._classes: dict[str, type[Variant]] = {}
        self._failures: dict[tuple[str, str], Exception] = {}
        self._without_entry: dict[str, Plugin] = {}  # variants that only their module names
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
        _warn_of_unknown(chosen or set(), entry_points(group=GROUP))

    def plugins(self) -> list[Plugin]:
        """Every entry, the built-in variants first."""
        return list(self._plugins)

    def names(self) -> list[str]:
        """Names of the available variants, sorted; no plugin is imported."""
        return sorted({plugin.name for plugin in self._plugins if plugin.state != "switched off"})

    def knows(self, name: str) -> bool:
        """Whether a plugin has this name: available, failed, switched off, or without an entry."""
        return name in self._without_entry or any(name == each.name for each in self._plugins)

    def variant_class(self, name: str) -> type[Variant]:
        """The class registered as `name`. The first request imports its module."""
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
                    self._fail(
                        plugin,
                        ValueError(f"the name must be a new one, not {name!r}, which is built in"),
                    )
        elif others:
            origins = " and ".join(plugin.distribution for plugin in entries)
            for plugin in entries:
                plugin.state, plugin.error = "failed", f"registered by {origins}"
            raise LookupError(
                f"variant {name!r} is registered by {origins}: uninstall one of them, "
                "or set DROPCORE_PLUGINS to a list without it"
            )
        return first

    def _unknown(self, name: str) -> str:
        close = difflib.get_close_matches(name, self.names(), n=1)
        hint = f"; did you mean {close[0]!r}?" if close else "."
        off = any(plugin.name == name for plugin in self._plugins)
        why = "switched off by DROPCORE_PLUGINS" if off else "unknown"
        said = f"variant {name!r} is {why}{hint} Installed: {', '.join(self.names())}"
        source = self._without_entry.get(name)
        if source is not None:
            said = (
                f"variant {name!r} has no entry point: {source.module} of {source.distribution} "
                f'registers it. Its pyproject.toml must have {name} = "{source.module}" in '
                f'[project.entry-points."{GROUP}"]. Then install {source.distribution} again, '
                "even if it is installed with -e: pip reads pyproject.toml only at the installation"
            )
        elif not off:
            said += f". {MORE}"
        return said

    def _load(self, plugin: Plugin) -> type[Variant]:
        if plugin.name in BUILT_IN:  # a failure, such as an interrupt, is not remembered
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
                raise ValueError(f"{plugin.module} must register {variant.name!r} once, not twice")
            brought[variant.name] = variant

        if self._manager.is_registered(module):
            self._manager.unregister(module)
        self._manager.register(module, name=plugin.module)
        try:
            try:
                self._manager.check_pending()
            except pluggy.PluginValidationError as error:
                raise LookupError(f"{error}: the hook is register_variants(register)") from error
            others = [other for other in self._manager.get_plugins() if other is not module]
            hook = self._manager.subset_hook_caller("register_variants", others)
            hook(register=register)
        except BaseException:
            self._manager.unregister(module)
            raise
        if plugin.name not in brought:
            raise LookupError(
                f"{plugin.module} registers {', '.join(brought) or 'nothing'}, not {plugin.name!r}"
                + ("" if brought else _hint(module))
            )
        listed = {each.name for each in self._plugins}
        self._without_entry.update((name, plugin) for name in brought if name not in listed)
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


def _hint(module: object) -> str:
    if hasattr(module, "register_variants"):
        return ": is register_variants decorated with @dropcore.hookimpl?"
    return ": a function register_variants(register), with @dropcore.hookimpl, registers variants"


def _check_class(variant: object) -> None:
    if not (isinstance(variant, type) and issubclass(variant, Variant)):
        raise TypeError(f"variant must be a class derived from Variant, not {variant!r}")
    if not isinstance(getattr(variant, "name", None), str):
        raise TypeError(
            f"{variant.__name__}.name must be a str, not {getattr(variant, 'name', None)!r}"
        )


def _chosen_distributions() -> set[str] | None:
    text = os.environ.get("DROPCORE_PLUGINS")
    if text is None:
        return None
    return {_canonical(name) for name in text.split(",") if name.strip()}


def _warn_of_unknown(chosen: set[str], entries: Iterable[EntryPoint]) -> None:
    installed = sorted({_canonical(_origin(entry)[0]) for entry in entries})
    for name in sorted(chosen - {"dropcore", *installed}):
        close = difflib.get_close_matches(name, installed, n=1)
        hint = f"; did you mean {close[0]}?" if close else "."
        warnings.warn(
            f"DROPCORE_PLUGINS names {name!r}, and no installed distribution of that name has "
            f"variants{hint} Installed: {', '.join(installed) or 'none'}",
            PluginWarning,
            stacklevel=2,
        )


def _canonical(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution.strip()).lower()


def _origin(entry: EntryPoint) -> tuple[str, str]:
    if entry.dist is None:
        return "an unknown distribution", ""
    return entry.dist.name, entry.dist.version


_registry: Registry | None = None
_registry_lock = threading.Lock()


def registry() -> Registry:
    """The registry of the process, built at the first use."""
    global _registry
    with _registry_lock:
        if _registry is None:
            _registry = Registry()
        return _registry


def _after_fork_in_child() -> None:
    # A thread that held a lock at the fork does not exist in the child and cannot release it.
    global _registry_lock
    _registry_lock = threading.Lock()
    if _registry is not None:
        _registry._lock = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def variant_names() -> list[str]:
    """Names of the available variants: the built-in variants and the variants of plugins.

    Returns
    -------
    list of str
        Sorted. No plugin is imported.

    Examples
    --------
    >>> import dropcore
    >>> "standard" in dropcore.variant_names()
    True
    """
    return registry().names()


if TYPE_CHECKING:

    @overload
    def get_variant(  # type: ignore[overload-overlap]
        name: known.Standard, /, **options: Unpack[known.StandardOptions]
    ) -> Standard: ...

    @overload
    def get_variant(name: known.Spatial, /, **options: Unpack[known.SpatialOptions]) -> Spatial: ...

    @overload
    def get_variant(  # type: ignore[overload-overlap]
        name: known.Alpha, /, **options: Unpack[known.AlphaOptions]
    ) -> Alpha: ...

    @overload
    @deprecated("this variant has no such option, or a required option is missing")
    def get_variant(name: known.Known, /, **options: Any) -> known.NoSuchOption: ...

    @overload
    def get_variant(name: known.Named, /, **options: Any) -> Variant: ...


def get_variant(name: str | Variant, /, **options: Any) -> Variant:  # type: ignore[misc]
    """A variant by its name, with its options.

    Parameters
    ----------
    name : str or Variant
        A Variant is returned as it is, and takes no options.
    **options
        The variant's own options; ``dropcore variants NAME`` lists them. NumPy scalars become
        Python's numbers, lists become tuples.

    Returns
    -------
    Variant

    Raises
    ------
    LookupError
        If no variant has the name, or the plugin of the variant failed. The message gives a similar
        name and all installed names, or the cause of the failure.
    TypeError, ValueError
        If the variant has no option of the name, or does not accept the value. If the value of an
        option, such as an array, cannot be stored in JSON: `Mask.record` stores the options.

    Examples
    --------
    >>> import dropcore
    >>> dropcore.get_variant("standard", shared_axes=(2, 3))
    Standard(shared_axes=(2, 3))
    """
    if isinstance(name, Variant):
        if options:
            raise TypeError(
                "options must be part of the Variant that is passed, not beside it: "
                f"{sorted(options)}"
            )
        check_plain(name)
        check_methods(name)
        return name
    if isinstance(name, type) and issubclass(name, Variant):
        raise TypeError(
            f"variant must be a name or a Variant, not the class {name.__name__}: pass an "
            f"instance, {name.__name__}()"
        )
    if not isinstance(name, str):
        raise TypeError(f"variant must be a name or a Variant, not {name!r}")
    variant = registry().variant_class(name)
    known = [field.name for field in fields(variant)]
    for option in options:
        if option not in known:
            raise TypeError(
                f"options of variant {name!r} must be among {', '.join(known) or 'none'}, "
                f"not {option!r}{HINTS.get(option, '')}"
            )
    for field in fields(variant):
        if field.name not in options and field.default is field.default_factory is MISSING:
            raise TypeError(f"{field.name} must be given for variant {name!r}, not left out")
    built = variant(**{option: plain(value) for option, value in options.items()})
    check_plain(built)
    check_methods(built)
    return built
