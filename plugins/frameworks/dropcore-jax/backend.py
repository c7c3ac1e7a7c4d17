"""The build back end: setuptools, and dropcore from the wheel that `make wheel` leaves in `dist`.

An sdist outside of the repository requires dropcore like any other requirement.
"""

import sys
import sysconfig
from pathlib import Path

from setuptools.build_meta import *  # noqa: F403

HERE = Path(__file__).resolve().parent


def get_requires_for_build_wheel(config_settings: object = None) -> list[str]:
    """The packages that setup.py imports and that `requires` in pyproject.toml does not list."""
    repository = Path(*HERE.parts[:-3])
    if not (repository / "src" / "dropcore" / "dropcore.h").is_file():
        return ["dropcore>=0.1"]
    free = "t" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}{free}"
    wheels = sorted((repository / "dist").glob(f"dropcore-*-*-{tag}-*.whl"))
    if not wheels:
        raise SystemExit(
            f"{HERE.name} is built against the wheel of dropcore, and {repository} has none in "
            f"dist for this Python ({tag}). In the repository:\n"
            "    make wheel\n"
            f"    pip install --find-links dist ./{HERE.relative_to(repository).as_posix()}"
        )
    return [f"dropcore @ {wheels[-1].as_uri()}"]


# For an sdist and for an editable install, setup.py runs too.
get_requires_for_build_sdist = get_requires_for_build_editable = get_requires_for_build_wheel
