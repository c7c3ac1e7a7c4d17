"""The copy of the working tree in which faults are planted: build, install and restore it.

There is one build directory. The whole tree is built there once, and installed into the environment
that runs this file. This state without a fault is kept. Each fault needs only an incremental build,
and is undone by restoring the kept state.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "build" / "mutants"
TREE, BUILD, KEPT = PLACE / "tree", PLACE / "build", PLACE / "kept"
COPIED, STALE = PLACE / "copied.json", PLACE / "stale.json"
SITE = Path(sysconfig.get_path("platlib"))


class BadRow(Exception):
    """A row of the list whose fault cannot be planted."""


def loaded(path):
    """The content of a JSON file; empty if there is no such file."""
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def save(path, value):
    """Write a JSON file."""
    path.write_text(json.dumps(value, indent=1), "utf-8")


# ------------------------------------------------------------------ the copy


def copy_tree():
    """Bring the copy of the working tree up to date; return the names of the changed files."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    names = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    changed = {*loaded(COPIED)} - names
    for name in changed:
        (TREE / name).unlink(missing_ok=True)
    save(COPIED, sorted(names))
    for name in names:
        copy, content = TREE / name, (ROOT / name).read_bytes()
        if name == "src/dropcore/meson.build":
            content = content.replace(b"'-O3'", b"'-O1'")  # half the build time, no slower tests
        if not copy.is_file() or copy.read_bytes() != content:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
            changed.add(name)
    return changed


def part_of(name):
    """The package of a file: "core", a plugin's folder, or None."""
    found = re.match(r"plugins/\w+/dropcore-\w+(?=/)", name)
    if found:
        return found.group()
    return "core" if name.startswith(("src/", "meson")) else None


# ------------------------------------------------------------------- building


def command(arguments, **options):
    """Run a command; if it fails, raise BadRow with the end of its output."""
    done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, **options)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise BadRow(f"{' '.join(map(str, arguments))} failed:\n{said[-2000:]}")


@cache
def default_isa():
    """The instruction set that dropcore chooses on this machine."""
    code = "from dropcore._core import dispatch; print(dispatch.isa)"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    ).stdout.strip()


def build_whole(wanted, changed):
    """Build the wanted packages that changed since their last build; keep the result."""
    stale = {*loaded(STALE), *changed}
    save(STALE, sorted(stale))
    now = {part for part in stale if part == "core" or part in wanted}
    build(now)
    for place, kept in kept_places():
        bring(place, kept)
    save(STALE, sorted(stale - now))


def undo():
    """Restore the kept state, without a fault. This is faster than a build."""
    for place, kept in kept_places():
        if kept.is_dir():
            bring(kept, place)


def kept_places():
    """Each built or installed folder, and the folder that keeps its state without a fault."""
    yield BUILD, KEPT / "build"
    for place in SITE.glob("dropcore*"):
        yield place, KEPT / place.name


def bring(source, target):
    """Copy changed files to `target`, with their times: ninja compares times to find changes."""
    names = {name: (source / name).stat() for name in files_in(source)}
    for name in files_in(target) - names.keys():
        (target / name).unlink()
    for name, made in names.items():
        copy = target / name
        there = copy.stat() if copy.is_file() else None
        if not there or (there.st_mtime_ns, there.st_size) != (made.st_mtime_ns, made.st_size):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / name, copy)


def files_in(folder):
    """Names of the files below a folder, without the bytecode caches of Python."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)) for path in paths if "__pycache__" not in path.parts}


def build(parts):
    """Build packages of the copy, and install them into this environment."""
    tools = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    if any(part.startswith("core") for part in parts):
        if not (BUILD / "build.ninja").is_file():
            command(
                ["meson", "setup", BUILD, TREE, "-Doptimization=1", f"-Dpython.platlibdir={SITE}",
                 f"-Dpython.purelibdir={SITE}"], env=tools,
            )  # fmt: skip
        kernels = []
        if "core" not in parts:
            names = sorted(part.partition("/")[2] for part in parts if part.startswith("core/"))
            kernels = [
                next(BUILD.rglob(f"_kernels_{name}.*.so")).relative_to(BUILD) for name in names
            ]
        command(["ninja", "-C", BUILD, *kernels], env=tools)
        command(["meson", "install", "-C", BUILD, "--no-rebuild", "--only-changed"], env=tools)
    for part in sorted(part for part in parts if part.startswith("plugins")):
        command(
            [sys.executable, "-m", "pip", "--quiet", "install", "--no-deps", "--force-reinstall",
             "--no-build-isolation", TREE / part], env=tools,
        )  # fmt: skip
