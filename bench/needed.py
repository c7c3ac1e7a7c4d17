"""What the benchmarks need beside dropcore: a line that says how to install it."""

from __future__ import annotations

from importlib.util import find_spec

NEEDED = {
    "pytest": "pytest",
    "pytest_benchmark": "pytest-benchmark",
    "matplotlib": "matplotlib",
    "ml_dtypes": "ml_dtypes",
    "psutil": "psutil",
}


def missing() -> str | None:
    """Say what is missing, in one line; None where nothing is."""
    names = [name for module, name in NEEDED.items() if find_spec(module) is None]
    if not names:
        return None
    return (
        f"the benchmarks need {', '.join(names)}: `pip install {' '.join(names)}`, or `make bench` "
        "installs all that they use into .venv"
    )
