"""Plant faults one at a time, and see whether the tests find them: `make check-mutants`.

    python tools/mutants/check.py [--anew] [NAME ...]
    python tools/mutants/check.py --anchors

faults.toml is the list. A NAME may be a pattern, such as "decide.*". `--anchors` builds nothing: it
shows that each fault can still be planted. What was found is kept in build/mutants, so a run that
was interrupted goes on. A fault is tried again when its row, its file or its tests have changed, if
it was missed, or with `--anew`.

The faults are planted in a copy of the working tree. One build directory is built incrementally,
and installed into the environment that runs this file; a fault in a file of Python is put there as
it is. A fault is caught if a test fails that passes without it. A crash, a hang or an error outside
of the tests does not count, unless its row says that it ends so.
"""

import argparse
import fnmatch
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
import time
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PLACE = ROOT / "build" / "mutants"
TREE, BUILD = PLACE / "tree", PLACE / "build"
RESULTS, STALE = PLACE / "results.json", PLACE / "stale.json"
SITE = Path(sysconfig.get_path("platlib"))
LIST = Path(__file__).with_name("faults.toml")
KEYS = {"name", "what", "file", "old", "new", "tests"}  # of each row
MAY = {"ends", "equivalent", "isas"}  # of some
KERNELS = r"src/dropcore/_core/(kernels|machine(?!/processor))"
LONGEST = 400  # seconds that the tests of a row may take


class BadRow(Exception):
    """A row of the list that cannot be planted."""


# ------------------------------------------------------------------- the list


def faults():
    """The rows of the list; raises BadRow unless each can be planted and has its tests."""
    rows = tomllib.loads(LIST.read_text("utf-8"))["fault"]
    names = Counter(row.get("name") for row in rows)
    wrong = [f"{count} faults are named {name}" for name, count in names.items() if count > 1]
    wrong += [f"{row.get('name')}: {what}" for row in rows for what in wrong_with(row)]
    if wrong:
        raise BadRow("\n".join(wrong))
    return rows


def wrong_with(row):
    """What keeps a row from being planted or tested."""
    if set(row) - MAY != KEYS:
        yield f"a row has {sorted(KEYS)}, not {sorted(row)}"
        return
    if row.get("ends", "crash") not in ("crash", "hang"):
        yield f"`ends` is crash or hang, not {row['ends']!r}"
    path = ROOT / row["file"]
    found = path.read_text("utf-8").count(row["old"]) if path.is_file() else 0
    if found != 1:
        yield f"its anchor is in {row['file']} {found} times, not once; faults.toml needs a new one"
    if row["old"] == row["new"]:
        yield "it changes nothing"
    for test in row["tests"]:
        path, *names = test.split("::")
        text = "\n".join(file.read_text("utf-8") for file in files_of(path))
        if not text or (names and f"def {names[-1]}(" not in text):
            yield f"there is no test {test}"


def files_of(name):
    """A test file; the test files of a folder."""
    path = ROOT / name
    return sorted(path.glob("test_*.py")) if path.is_dir() else [path] * path.is_file()


def is_open(row, result):
    """Whether a row is to be tried, by what was found before."""
    return not result or result["is"] in ("missed", "error") or result["of"] != fingerprint(row)


def fingerprint(row):
    """What a result of this row depends on, as far as it is looked at."""
    paths = [ROOT / row["file"]]
    for test in row["tests"]:
        paths += files_of(test.split("::")[0])
    parts = [json.dumps(row, sort_keys=True), *(path.read_text("utf-8") for path in paths)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


# ------------------------------------------------------------------ the copy


def copy_tree():
    """Bring the copy of the working tree up to date; returns the names of what changed in it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    names = {name for name in listed.split("\0") if name and (ROOT / name).is_file()}
    there = {str(path.relative_to(TREE)) for path in TREE.rglob("*") if path.is_file()}
    changed = set()
    for name in there - names:
        if "__pycache__" not in name and ".egg-info" not in name:
            (TREE / name).unlink()
            changed.add(name)
    for name in names:
        copy, content = TREE / name, (ROOT / name).read_bytes()
        if name == "src/dropcore/meson.build":
            content = content.replace(
                b"'-O3'", b"'-O1'"
            )  # kernels in half the time, no slower tests
        if not copy.is_file() or copy.read_bytes() != content:
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(content)
            changed.add(name)
    return changed


def part_of(name):
    """Which package a file belongs to: "core", a plugin's folder, or None."""
    found = re.match(r"plugins/\w+/dropcore-\w+(?=/)", name)
    if found:
        return found.group()
    return "core" if name.startswith(("src/", "meson")) else None


# ------------------------------------------------------------------- building


def command(arguments, **options):
    """Run a command; raise BadRow with what it said, if it fails."""
    done = subprocess.run(list(map(str, arguments)), capture_output=True, text=True, **options)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise BadRow(f"{' '.join(map(str, arguments))} failed:\n{said[-2000:]}")


def loaded(path):
    """What a file of JSON holds; nothing if it is not there."""
    return json.loads(path.read_text("utf-8")) if path.is_file() else {}


def save(path, value):
    """Write a file of JSON."""
    path.write_text(json.dumps(value, indent=1), "utf-8")


def installed(row):
    """Where a file of Python is installed, which needs no building; None for another."""
    of_package = row["file"].partition("src/")[2]
    return SITE / of_package if of_package.endswith(".py") else None


def cost(row):
    """Roughly how long a row takes: no build, that of a module, that of the kernels."""
    return 0 if installed(row) else 2 if re.match(KERNELS, row["file"]) else 1


def parts_changed_by(row):
    """What is built of a row: of a fault in the kernels those of one instruction set are enough."""
    if installed(row):
        return set()
    if re.match(KERNELS, row["file"]):
        return {f"core/{isa}" for isa in row.get("isas", [default_isa()])}
    return {part_of(row["file"])} - {None}


@cache
def default_isa():
    """The instruction set that is used here."""
    code = "from dropcore._core import dispatch; print(dispatch.isa)"
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True
    ).stdout.strip()


def build_stale(wanted, changed=()):
    """Build those of the wanted packages that changed since they were built; note the others."""
    stale = {*loaded(STALE), *changed}
    save(STALE, sorted(stale))
    now = {part for part in stale if part.startswith("core") or part in wanted}
    build(now)
    save(STALE, sorted(stale - now))


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


# -------------------------------------------------------------------- testing


def run_tests(tests):
    """Run tests of the copy; returns how it ended, the test that failed, and what was printed."""
    if not tests:
        return "passed", "", ""
    part = part_of(tests[0]) or ""
    folder, names = TREE / part, [test.removeprefix(f"{part}/") for test in tests]
    pytest = [sys.executable, "-m", "pytest", "-x", "-q", "-rf", "-p", "no:cacheprovider", *names]
    process = subprocess.Popen(
        pytest, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        said, _ = process.communicate(timeout=LONGEST)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate()
        return "hang", "", said
    failed = re.search(r"^FAILED (.+?)(?: - .*)?$", said, re.MULTILINE)
    if process.returncode == 1 and failed:
        return "failed", f"{part}/{failed.group(1)}".lstrip("/"), said
    if process.returncode == 0 and re.search(r"^\d+ passed", said.splitlines()[-1].strip("= ")):
        return "passed", "", said
    return "crash" if process.returncode < 0 else "error", "", said


def in_parts(tests):
    """The tests by the package whose they are: pytest has one configuration at a time."""
    groups = {}
    for test in dict.fromkeys(tests):
        groups.setdefault(part_of(test), []).append(test)
    return list(groups.values())


def confirm(rows, results):
    """Run what failed once more, without any fault: a test that fails then has shown nothing."""
    waiting = [row for row in rows if results[row["name"]].get("confirmed") is False]
    if not waiting:
        return
    print(f"{len(waiting)} faults were caught; their tests once more, without any", flush=True)
    tests = {}
    for row in waiting:
        failed = results[row["name"]]["details"]
        tests[row["name"]] = [failed] if failed else row["tests"]
    parts = in_parts(test for named in tests.values() for test in named)
    whole = all(run_tests(part)[0] == "passed" for part in parts)
    for row in waiting:
        result = results[row["name"]]
        ends = (
            {"passed"} if whole else {run_tests(part)[0] for part in in_parts(tests[row["name"]])}
        )
        if ends == {"passed"}:
            result["confirmed"] = True
        else:
            result |= {"is": "error", "details": f"without the fault too: {result['details']}"}
    save(RESULTS, results)


def verdict(row, ended):
    """What a row's tests have shown: caught, missed, equivalent, or an error."""
    if "equivalent" in row:
        return "equivalent" if ended == "passed" else "error"
    if ended == "passed":
        return "missed"
    return "caught" if ended in ("failed", row.get("ends")) else "error"


def plant(row, needed):
    """Plant a fault, build, test, and take it out again; returns verdict, details, seconds."""
    paths = [TREE / row["file"], *filter(None, [installed(row)])]
    text = paths[0].read_text("utf-8")
    began = time.monotonic()
    try:
        for path in paths:
            path.write_text(text.replace(row["old"], row["new"]), "utf-8")
        build_stale(needed, parts_changed_by(row))
        built = time.monotonic()
        for tests in in_parts(row["tests"]):
            ended, test, said = run_tests(tests)
            if ended != "passed":
                break
        shown = verdict(row, ended)
        details = said[-3000:] if shown == "error" else test
        return shown, details, built - began, time.monotonic() - built
    finally:
        for path in paths:
            path.write_text(text, "utf-8")
        save(STALE, sorted({*loaded(STALE), *parts_changed_by(row)}))


# ------------------------------------------------------------------- the runs


def wanted(rows, patterns):
    """The rows that a pattern names; an error for a pattern that names none."""
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(row["name"], pattern) for row in rows):
            raise BadRow(f"no fault has the name {pattern!r}")
    return [
        row for row in rows
        if not patterns or any(fnmatch.fnmatchcase(row["name"], p) for p in patterns)
    ]  # fmt: skip


def try_all(rows, results):
    """Plant these rows, one after the other."""
    names = {name for row in rows for name in (row["file"], *row["tests"])}
    needed = {*map(part_of, names)} - {None}
    changed = {*map(part_of, copy_tree())} - {None}
    build_stale(needed, changed | needed if "core" in changed else changed)  # against its interface
    prints = {row["name"]: fingerprint(row) for row in rows}  # of what was copied
    print(f"{len(rows)} faults to try", flush=True)
    for row in rows:
        try:
            shown, details, build_time, test_time = plant(row, needed)
        except BadRow as error:
            shown, details, build_time, test_time = "error", str(error), 0, 0
        results[row["name"]] = {"of": prints[row["name"]], "is": shown, "details": details}
        if shown == "caught":
            results[row["name"]]["confirmed"] = False
        save(RESULTS, results)
        times = f"built {build_time:.0f} s, tested {test_time:.0f} s"
        print(f"{shown:10} {row['name']}  ({times})  {details}", flush=True)
    build_stale(needed)


def summary(rows, results):
    """Print the count, and what is not as it should be; returns whether all is."""
    counts = Counter(results[row["name"]]["is"] for row in rows)
    for row in rows:
        result = results[row["name"]]
        if result["is"] == "missed":
            print(f"MISSED     {row['name']}: {row['what']}")
        elif result["is"] == "error":
            print(f"ERROR      {row['name']}: {result['details']}")
        elif result["is"] == "equivalent":
            print(f"equivalent {row['name']}: {row['what']}: {row['equivalent']}")
    caught, equivalent = counts["caught"], counts["equivalent"]
    print(
        f"{len(rows)} faults: {caught} caught, {equivalent} equivalent, "
        f"{counts['missed']} missed, {counts['error']} errors"
    )
    return caught + equivalent == len(rows)


def main():
    """Try what is asked for; the exit status is 1 if a fault was missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--anew", action="store_true", help="forget what was found before")
    parser.add_argument("--anchors", action="store_true", help="only check the list")
    arguments = parser.parse_args()
    try:
        rows = wanted(faults(), arguments.names)
        if arguments.anchors:
            print(f"{len(rows)} faults, each can be planted")
            return 0
        PLACE.mkdir(parents=True, exist_ok=True)
        results = loaded(RESULTS)
        left = [row for row in rows if arguments.anew or is_open(row, results.get(row["name"]))]
        if left:
            try_all(sorted(left, key=lambda row: (row["name"] in results, cost(row))), results)
        confirm(rows, results)
        return 0 if summary(rows, results) else 1
    except BadRow as error:
        print(error)
        return 1


if __name__ == "__main__":
    sys.exit(main())
