"""See what dropout does: the Lab (``dropcore lab``) and experiments (``dropcore experiment NAME``).

In a notebook, `Lab` is the page. `Lab` needs the extra ``notebook``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dropcore_lab.widget import Lab

__all__ = ["Lab"]


def __getattr__(name: str) -> Any:
    if name != "Lab":
        raise AttributeError(f"module 'dropcore_lab' has no attribute {name!r}")
    try:
        from dropcore_lab.widget import Lab
    except ModuleNotFoundError as error:
        if error.name != "anywidget":
            raise
        raise ImportError(
            "Lab needs anywidget, which is not installed: in the root of the repository, "
            "pip install './plugins/dropcore-lab[notebook]'"
        ) from error
    return Lab
