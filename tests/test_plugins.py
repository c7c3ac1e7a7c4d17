"""The registry of plugins: imports late, isolates faults, is strict about names."""

import importlib
import re
import subprocess
import sys
import textwrap
from itertools import count

import numpy as np
import pytest

import dropcore
from dropcore import cli, plugins
from dropcore.plugins import PluginWarning, Registry

GOOD = """
    from collections.abc import Callable
    from dataclasses import dataclass
    from typing import ClassVar
    from dropcore import Plan, PlannedVariant, hookimpl

    @dataclass(frozen=True, kw_only=True)
    class Mine(PlannedVariant):
        name: ClassVar[str] = "{name}"
        factor: float = 2.0

        def plan(self, p, shape):
            return Plan(scale=self.factor)

    @hookimpl
    def register_variants(register):
        register(Mine)
"""
numbers = count()


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install a distribution of one module and one entry point, on sys.path for the test."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(variant, source, distribution=None):
        module = f"a_plugin_of_the_tests_{next(numbers)}"
        distribution = distribution or module.replace("_", "-")
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source).replace("{name}", variant))
        info = tmp_path / f"{module}-1.5.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n"
        )
        (info / "entry_points.txt").write_text(f"[dropcore.variants]\n{variant} = {module}\n")
        return module

    return install


def states(registry):
    return {plugin.name: plugin.state for plugin in registry.plugins()}


def test_the_built_in_variants_come_through_the_hook():
    registry = Registry()
    assert {"alpha", "spatial", "standard"} <= set(registry.names())
    assert states(registry)["alpha"] == "not loaded"
    assert registry.variant_class("alpha").name == "alpha"
    assert states(registry)["alpha"] == "loaded"
    assert states(registry)["spatial"] == "not loaded"


def test_a_plugin_is_imported_when_its_variant_is_first_asked_for(install):
    module = install("mine", GOOD)
    registry = Registry()
    assert "mine" in registry.names()
    assert module not in sys.modules
    variant = registry.variant_class("mine")
    assert module in sys.modules
    assert registry.variant_class("mine") is variant
    assert states(registry)["mine"] == "loaded"


def test_a_plugin_runs_on_the_core(install, monkeypatch):
    install("mine", GOOD)
    monkeypatch.setattr(plugins, "_registry", Registry())
    y, mask = dropcore.dropout(np.ones(100), 0.5, training=True, rng=0, variant="mine", factor=7.0)
    np.testing.assert_array_equal(y, np.where(mask.keep, 7.0, 0.0))
    assert dropcore.Mask.from_record(mask.record()).variant == mask.variant


BROKEN = {
    "an import error": ("import a_module_that_is_not_there", "a_module_that_is_not_there"),
    "a hook that raises": (
        """
        from dropcore import hookimpl

        @hookimpl
        def register_variants(register):
            raise RuntimeError("no licence found")
        """,
        "no licence found",
    ),
    "a misspelt hook": (
        """
        from dropcore import hookimpl

        @hookimpl
        def register_variant(register):
            pass
        """,
        r"unknown hook 'register_variant'.*: the hook is register_variants\(register\)",
    ),
    "no hook": ("", "registers nothing, not 'broken': a function register_variants"),
    "an undecorated hook": (
        GOOD.replace("@hookimpl", ""),
        "registers nothing, not 'broken': is register_variants decorated with @dropcore.hookimpl",
    ),
    "another name": (GOOD.replace("{name}", "other"), "registers other, not 'broken'"),
    "a wrong type": (
        """
        from dropcore import hookimpl

        @hookimpl
        def register_variants(register):
            register(dict)
        """,
        "variant must be a class derived from Variant, not <class 'dict'>",
    ),
    "an instance": (
        GOOD.replace("register(Mine)", "register(Mine())"),
        "variant must be a class derived from Variant",
    ),
    "a name given twice": (
        GOOD.replace("register(Mine)", "register(Mine); register(Mine)"),
        "once, not twice",
    ),
}


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_plugin_is_named_and_the_rest_go_on(install, what):
    source, cause = BROKEN[what]
    install("broken", source, distribution="its-distribution")
    install("mine", GOOD)
    registry = Registry()
    with (
        pytest.warns(PluginWarning, match=r"its-distribution 1\.5, variant 'broken'"),
        pytest.raises(
            LookupError, match="'broken' of its-distribution could not be loaded"
        ) as info,
    ):
        registry.variant_class("broken")
    assert re.search(cause, str(info.value))
    assert info.value.__cause__ is not None
    assert states(registry)["broken"] == "failed"
    with pytest.raises(LookupError, match="could not be loaded"):  # again, with no warning
        registry.variant_class("broken")
    assert registry.variant_class("mine").name == "mine"
    assert registry.variant_class("standard").name == "standard"


def test_a_load_that_was_interrupted_is_begun_anew(install):
    module = install("mine", GOOD.replace("register(Mine)", "interrupt()\n        register(Mine)"))
    registry = Registry()
    calls = []

    def interrupt():
        calls.append(1)
        if len(calls) == 1:
            raise KeyboardInterrupt

    importlib.import_module(module).interrupt = interrupt
    with pytest.raises(KeyboardInterrupt):
        registry.variant_class("mine")
    assert states(registry)["mine"] == "not loaded"
    assert registry.variant_class("mine").name == "mine"


def test_a_duplicate_name_is_an_error_that_names_both_distributions(install):
    install("twice", GOOD, distribution="first-one")
    install("twice", GOOD, distribution="second-one")
    install("mine", GOOD)
    registry = Registry()
    with pytest.raises(LookupError, match=r"(first|second)-one and (first|second)-one"):
        registry.variant_class("twice")
    assert registry.variant_class("mine").name == "mine"


def test_built_in_names_are_reserved(install):
    module = install("standard", GOOD, distribution="a-thief")
    registry = Registry()
    with pytest.warns(PluginWarning, match="a-thief.*which is built in"):
        variant = registry.variant_class("standard")
    assert variant.__module__ == "dropcore.variants.standard"
    assert module not in sys.modules


@pytest.mark.parametrize(
    ("setting", "has_first", "has_second"),
    [("", False, False), ("First_One", True, False), ("second.one, first-one", True, True)],
)
def test_dropcore_plugins_chooses_distributions(
    install, monkeypatch, setting, has_first, has_second
):
    install("one", GOOD, distribution="First_One")  # the name is the same in any spelling
    install("two", GOOD, distribution="second-one")
    monkeypatch.setenv("DROPCORE_PLUGINS", setting)
    registry = Registry()
    assert ("one" in registry.names(), "two" in registry.names()) == (has_first, has_second)
    assert registry.variant_class("standard").name == "standard"
    if not has_first:
        with pytest.raises(LookupError, match="'one' is switched off by DROPCORE_PLUGINS"):
            registry.variant_class("one")


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("dropcore-tokn", "names 'dropcore-tokn', .*; did you mean dropcore-token. Installed: "),
        ("dropcore-token,something", "names 'something', and no installed .* has variants"),
    ],
)
def test_dropcore_plugins_warns_of_what_is_not_installed(install, monkeypatch, setting, says):
    install("token", GOOD, distribution="dropcore_token")
    monkeypatch.setenv("DROPCORE_PLUGINS", setting)
    with pytest.warns(PluginWarning, match=f"^DROPCORE_PLUGINS {says}"):
        Registry()
    monkeypatch.setenv("DROPCORE_PLUGINS", "dropcore-token, dropcore,")
    Registry()


def test_an_unknown_name_says_what_is_close_and_what_is_installed():
    with pytest.raises(LookupError, match="'spacial' is unknown; did you mean 'spatial'") as info:
        Registry().variant_class("spacial")
    assert str(info.value).endswith(f". {plugins.MORE}")
    assert "alpha" in str(info.value)
    assert "standard" in str(info.value)


TWO_OF_ONE_MODULE = (
    GOOD
    + """
    @dataclass(frozen=True)
    class Fourth(Mine):
        name: ClassVar[str] = "fourth"
"""
).replace("register(Mine)", "register(Mine); register(Fourth)")


def test_a_variant_without_an_entry_point_says_so(install):
    module = install("mine", TWO_OF_ONE_MODULE, distribution="its-distribution")
    registry = Registry()
    with pytest.raises(LookupError, match="'fourth' is unknown"):
        registry.variant_class("fourth")  # no plugin may have this name, so none is imported
    registry.variant_class("mine")
    says = (
        f"'fourth' has no entry point: {module} of its-distribution registers it.*"
        f'fourth = "{module}" in .project.entry-points."dropcore.variants".. Then install '
    )
    with pytest.raises(LookupError, match=says):
        registry.variant_class("fourth")
    assert "fourth" not in registry.names()


def test_the_command_loads_plugins_to_find_a_variant_without_an_entry_point(
    install, monkeypatch, capsys
):
    install("mine", TWO_OF_ONE_MODULE)
    monkeypatch.setattr(plugins, "_registry", Registry())
    assert cli.main(["variants", "fourth"]) == 1
    said = capsys.readouterr().err
    assert "'fourth' has no entry point" in said
    assert "make plugins" not in said


@pytest.mark.filterwarnings("ignore::dropcore.PluginWarning")
def test_the_command_says_only_the_cause_where_a_plugin_fails_or_is_off(
    install, monkeypatch, capsys
):
    install("broken", BROKEN["an import error"][0])
    monkeypatch.setattr(plugins, "_registry", Registry())
    assert cli.main(["variants", "broken"]) == 1
    assert "make plugins" not in capsys.readouterr().err
    monkeypatch.setenv("DROPCORE_PLUGINS", "")
    monkeypatch.setattr(plugins, "_registry", Registry())
    assert cli.main(["variants", "broken"]) == 1
    said = capsys.readouterr().err
    assert "switched off" in said
    assert "make plugins" not in said


SAYS_MORE = GOOD.replace(
    '    name: ClassVar[str] = "{name}"',
    '''    """Its summary takes
        two lines.

        And more.
        """

        name: ClassVar[str] = "{name}"''',
)


def test_the_command_shows_the_first_paragraph_of_a_docstring(install, monkeypatch, capsys):
    install("wordy", SAYS_MORE)
    install("silent", GOOD)
    monkeypatch.setattr(plugins, "_registry", Registry())
    for name, says in (("wordy", "wordy: Its summary takes two lines."), ("silent", "silent")):
        assert cli.main(["variants", name]) == 0
        assert capsys.readouterr().out.splitlines()[0] == says
    assert cli.main(["variants"]) == 0
    lines = [re.sub("  +", " | ", line) for line in capsys.readouterr().out.splitlines()]
    assert "wordy | Its summary takes two lines." in lines
    assert "silent" in lines


def test_no_hook_runs_while_dropout_runs(install, monkeypatch):
    install("mine", GOOD)
    registry = Registry()
    monkeypatch.setattr(plugins, "_registry", registry)
    x = np.ones(10)
    dropcore.dropout(x, 0.5, training=True, rng=0, variant="mine", factor=1.25)
    calls = []
    registry._manager.add_hookcall_monitoring(lambda *args: calls.append(args), lambda *args: None)
    y, mask = dropcore.dropout(x, 0.5, training=True, rng=0, variant="mine", factor=1.25)
    mask.backward(y)
    assert calls == []


def test_the_command_lists_plugins_and_variants(install, monkeypatch, capsys):
    install("mine", GOOD, distribution="good-one")
    install("broken", BROKEN["an import error"][0], distribution="bad-one")
    monkeypatch.setattr(plugins, "_registry", Registry())
    assert cli.main(["plugins"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert any(line.split() == ["mine", "good-one", "1.5", "loaded"] for line in lines)
    assert any("bad-one" in line and "failed: ModuleNotFoundError" in line for line in lines)
    assert cli.main(["variants", "mine"]) == 0
    assert "factor: float, default 2.0" in capsys.readouterr().out
    assert cli.main(["variants"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert {"mine", "standard"} <= {line.split()[0] for line in listed}
    (broken,) = (line.split(maxsplit=1) for line in listed if line.startswith("broken "))
    assert broken[1] == "(could not be loaded: dropcore plugins says why)"
    assert cli.main(["variants", "nothing-like-it"]) == 1
    assert "unknown" in capsys.readouterr().err
    assert cli.main(["info"]) == 0
    assert "good-one 1.5" in capsys.readouterr().out


def test_the_module_is_the_command():
    done = subprocess.run(
        [sys.executable, "-m", "dropcore", "variants", "spatial"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "channel_axis: int, required" in done.stdout


@pytest.mark.parametrize("argv", [["experiment", "rates"], ["lab", "--no-browser"]])
def test_a_command_of_a_package_that_is_not_installed_names_the_package(argv, monkeypatch, capsys):
    monkeypatch.setattr(cli, "entry_points", lambda **_: ())
    assert cli.main(argv) == 1
    said = capsys.readouterr().err
    assert "package dropcore-lab, which is not installed" in said
    assert "make wheel && pip install --find-links dist './plugins/dropcore-lab[" in said
