"""The optional packages that the experiments need."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence

NEEDED = {"sklearn": "scikit-learn", "matplotlib": "matplotlib", "rich": "rich"}
"""The imported modules, and their distributions."""


def missing() -> list[str]:
    """List the distributions that are not installed, without imports."""
    return [dist for module, dist in NEEDED.items() if importlib.util.find_spec(module) is None]


def message(distributions: Sequence[str]) -> str:
    """The message with the command that installs the missing distributions.

    >>> print(message(["rich"]))
    The experiments need rich, which is not installed: pip install './plugins/dropcore-lab[experiments]' in the root of the repository
    """  # noqa: E501
    verb = "is" if len(distributions) == 1 else "are"
    return (
        f"The experiments need {', '.join(distributions)}, which {verb} not installed: "
        "pip install './plugins/dropcore-lab[experiments]' in the root of the repository"
    )
