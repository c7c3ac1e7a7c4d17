"""The packages that the benchmarks need besides dropcore, and the command that installs them."""

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
    """A message that names the missing packages; None if no package is missing."""
    names = [name for module, name in NEEDED.items() if find_spec(module) is None]
    if not names:
        return None
    return (
        f"the benchmarks need {', '.join(names)}: run `pip install {' '.join(names)}`, or "
        "`make .venv/bench.stamp`, which also installs the peers into .venv"
    )
