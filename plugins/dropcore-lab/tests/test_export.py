"""The exported script prints the page's losses and addresses, and contains only valid values."""

import ast
import re
import subprocess
import sys

import numpy as np
import pytest
from dropcore_lab import export, presets, reading
from dropcore_lab.process import ONE_THREAD
from dropcore_lab.training import Training
from helpers import SMALL, changed
from test_data import CLASSES
from test_training import DIGITS

LINE = re.compile(r"(.*) step (\d+) training_on (\S+) training_off (\S+) validation_off (\S+)")
ALPHA = {"p": 0.2, "variant": "alpha", "options": {"fixed_mean": 0.1}}
SPECIFICATIONS = {
    "small": SMALL,
    "digits": DIGITS,
    "number": changed(data={"name": "sine", "rows": 30, "validation": 10}),
    "wrong labels": changed(data={"name": "moons", "rows": 30, "validation": 10, "wrong": 0.2}),
    "cancer": changed(data={"name": "cancer", "rows": 30, "validation": 10}),
    "no validation": changed(data={"name": "churn"}, training={"batch": 5}),
    "csv": changed(data={"name": "csv", "text": CLASSES}, training={"batch": 2}),
    "csv of numbers": changed(
        data={"name": "csv", "text": "1,2\n3,4\n5,7\n8,9\n", "task": "number"},
        training={"batch": 2},
    ),
    "classes": changed(
        data={"name": "digits", "rows": 30, "validation": 10}, output={"dropout": {"p": 0.1}}
    ),
    "options": changed(
        layers=[{"name": "hidden1", "activation": "selu", "norm": True, "dropout": ALPHA}],
        training={"optimizer": "sgd", "weight_decay": 0.01},
    ),
    "no dropout": {"layers": [{"name": "a", "activation": "sigmoid"}], "training": {"steps": 25}},
    "awkward names": changed(runs=[{"name": "'\"\\\n{x}"}, {"name": "a step 1", "p": 0.4}]),
}


def printed(script, tmp_path):
    path = tmp_path / "lab.py"
    path.write_text(script, "utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=100,
        env={**ONE_THREAD, "PYTHONIOENCODING": "utf-8"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def expected(spec, runs):
    """The losses that a page shows at each point of a run, and the addresses of that step."""
    training = Training(spec)
    points = [(0, [])]
    while not training.finished:
        training.advance(show=True)
        if training.step % spec.training.every == 0:
            points.append((training.step, training.shown.passes))
    lines = []
    for run in runs:
        for place, (step, seen) in enumerate(points):
            measured = training.points[place][run]
            losses = (measured.training_on, measured.training_off, measured.validation_off)
            lines.append((spec.runs[run].name, step, losses))
            if seen:
                masks = seen[run].masks
                lines += [f"  {mask.draw} p = {mask.p}" for mask in masks.values()]
    return lines


@pytest.mark.parametrize("name", SPECIFICATIONS)
def test_the_script_prints_what_the_page_shows(name, tmp_path):
    spec = reading.read(SPECIFICATIONS[name])
    runs = range(len(spec.runs))
    text = printed(export.script(spec, None), tmp_path)
    wanted = expected(spec, runs)
    for run in runs:  # the name can be on a separate line
        text = text.replace(spec.runs[run].name + " step ", f"run{run} step ")
    lines = text.splitlines()
    assert len(lines) == len(wanted)
    for line, want in zip(lines, wanted, strict=True):
        if isinstance(want, str):
            assert line == want
            continue
        _, step, *losses = LINE.fullmatch(line).groups()
        assert int(step) == want[1]
        np.testing.assert_array_equal(np.array(losses, float), np.array(want[2]))


def test_one_run_is_exported_alone(tmp_path):
    spec = reading.read(SMALL)
    text = printed(export.script(spec, 1), tmp_path)
    assert "with step 40" in text
    assert "without step" not in text
    assert len(text.splitlines()) == len(expected(spec, [1]))


@pytest.mark.parametrize("preset", presets.PRESETS, ids=lambda preset: preset.id)
def test_a_script_of_a_preset_is_python_that_imports_what_it_uses(preset):
    tree = ast.parse(export.script(reading.read(preset.spec), None))
    imported = {
        alias.asname or alias.name.partition(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert imported <= used | {"load_digits", "load_breast_cancer"}


EVIL = '"""\nimport os; os.system("touch evil")\n"""'


@pytest.mark.parametrize(
    "spec",
    [
        changed(runs=[{"name": EVIL[:24]}, {"name": "');evil()#"}]),
        changed(
            data={"name": "csv", "text": f'a,"{EVIL.replace(chr(34), chr(39))}"\n1,x\n2,y\n3,x\n'},
            training={"batch": 2},
        ),
        changed(data={"name": "csv", "text": "a,k\n1,\"'+evil()+'\"\n2,y\n3,y\n"}),
    ],
)
def test_what_was_typed_is_only_ever_a_value(spec):
    tree = ast.parse(export.script(reading.read(spec), None))
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert not {"evil", "os.system"} & calls
    harmless = ast.parse(export.script(reading.read(changed(spec, runs=SMALL["runs"])), None))
    assert len(list(ast.walk(tree))) == len(list(ast.walk(harmless)))
