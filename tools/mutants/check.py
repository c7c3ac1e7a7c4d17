"""Plant faults one at a time, and see whether the tests find them: `make check-mutants`.

    python tools/mutants/check.py [--anew] [NAME ...]
    python tools/mutants/check.py --anchors

faults.toml is the list. A NAME may be a pattern, such as "decide.*". `--anchors` builds nothing: it
shows that each fault can still be planted. Results are kept in build/mutants, so an interrupted run
can be continued. A fault is tried again if its row, its file or its tests have changed, if the
tests missed it, or with `--anew`.

A fault is planted in a copy of the working tree, which is built and installed: see building.py. A
fault in a Python file is planted in the installed file. A fault is caught if it makes a test fail.
A crash, a hang or an error outside of the tests does not count, unless the fault's row has this end
as `ends`.
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
import time
import tomllib
from collections import Counter
from pathlib import Path

from building import (
    PLACE,
    ROOT,
    SITE,
    TREE,
    BadRow,
    build,
    build_whole,
    copy_tree,
    default_isa,
    loaded,
    part_of,
    save,
    undo,
)

RESULTS = PLACE / "results.json"
LIST = Path(__file__).with_name("faults.toml")
KEYS = {"name", "what", "file", "old", "new", "tests"}  # each row has these keys
MAY = {"ends", "equivalent", "isas"}  # a row may have these keys
KERNELS = r"src/dropcore/_core/(kernels|machine(?!/processor))"
LONGEST = 400  # seconds that the tests of a row may take


# ------------------------------------------------------------------- the list


def faults():
    """The rows of the list; raises BadRow if a row cannot be planted or tested."""
    rows = tomllib.loads(LIST.read_text("utf-8"))["fault"]
    names = Counter(row.get("name") for row in rows)
    wrong = [f"{count} faults are named {name}" for name, count in names.items() if count > 1]
    wrong += [f"{row.get('name')}: {what}" for row in rows for what in wrong_with(row)]
    if wrong:
        raise BadRow("\n".join(wrong))
    return rows


def wrong_with(row):
    """The reasons why a row cannot be planted or tested."""
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
    """Whether a row must be tried, given its earlier result."""
    return not result or result["is"] in ("missed", "error") or result["of"] != fingerprint(row)


def fingerprint(row):
    """A digest of the row, its file and its tests, on which the result depends."""
    paths = [ROOT / row["file"]]
    for test in row["tests"]:
        paths += files_of(test.split("::")[0])
    parts = [json.dumps(row, sort_keys=True), *(path.read_text("utf-8") for path in paths)]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


# ------------------------------------------------------------- what is built


def installed(row):
    """The path at which a row's Python file is installed; None for a file that must be built."""
    of_package = row["file"].partition("src/")[2]
    return SITE / of_package if of_package.endswith(".py") else None


def cost(row):
    """How long a row takes: 0 without a build, 1 for a module, 2 for the kernels."""
    return 0 if installed(row) else 2 if re.match(KERNELS, row["file"]) else 1


def parts_changed_by(row):
    """The parts to build. For a fault in the kernels, one instruction set is enough."""
    if installed(row):
        return set()
    if re.match(KERNELS, row["file"]):
        return {f"core/{isa}" for isa in row.get("isas", [default_isa()])}
    return {part_of(row["file"])} - {None}


# -------------------------------------------------------------------- testing


def run_tests(tests):
    """Run tests of the copy; return how they ended, the test that failed, and the output."""
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
    """The tests, grouped by package: pytest has one configuration at a time."""
    groups = {}
    for test in dict.fromkeys(tests):
        groups.setdefault(part_of(test), []).append(test)
    return list(groups.values())


def confirm(rows, results):
    """Run the failed tests again without a fault. A test that fails again has shown nothing."""
    waiting = [row for row in rows if results[row["name"]].get("confirmed") is False]
    if not waiting:
        return
    print(f"{len(waiting)} faults were caught; running their tests without a fault", flush=True)
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
    """The result of a row: caught, missed, equivalent, or an error."""
    if "equivalent" in row:
        return "equivalent" if ended == "passed" else "error"
    if ended == "passed":
        return "missed"
    return "caught" if ended in ("failed", row.get("ends")) else "error"


def plant(row):
    """Plant a fault, build, test, remove the fault; return the result, details and seconds."""
    path = TREE / row["file"]
    text, times, began = path.read_text("utf-8"), path.stat(), time.monotonic()
    try:
        for each in filter(None, [path, installed(row)]):
            each.write_text(text.replace(row["old"], row["new"]), "utf-8")
        build(parts_changed_by(row))
        built = time.monotonic()
        for tests in in_parts(row["tests"]):
            ended, test, said = run_tests(tests)
            if ended != "passed":
                break
        shown = verdict(row, ended)
        details = said[-3000:] if shown == "error" else test
        return shown, details, built - began, time.monotonic() - built
    finally:
        path.write_text(text, "utf-8")
        if part_of(row["file"]) == "core":  # setuptools has to see that a plugin's file changed
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
        undo()


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
    undo()  # an interrupted run may have left a fault
    names = copy_tree()
    changed = {part_of(name) for name in names if "/tests/" not in name} - {None}
    if any(part_of(name) == "core" and name.endswith((".pxd", ".h")) for name in names):
        changed |= needed  # plugins are built against the interface of the core
    build_whole(needed, changed)
    prints = {row["name"]: fingerprint(row) for row in rows}  # of the copied files
    print(f"{len(rows)} faults to try", flush=True)
    for row in rows:
        try:
            shown, details, build_time, test_time = plant(row)
        except BadRow as error:
            shown, details, build_time, test_time = "error", str(error), 0, 0
        results[row["name"]] = {"of": prints[row["name"]], "is": shown, "details": details}
        if shown == "caught":
            results[row["name"]]["confirmed"] = False
        save(RESULTS, results)
        times = f"built {build_time:.0f} s, tested {test_time:.0f} s"
        print(f"{shown:10} {row['name']}  ({times})  {details}", flush=True)


def summary(rows, results):
    """Print the counts and the faults that were not caught; return whether there are none."""
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
    """Try the wanted faults; the exit status is 1 if one was missed or ended in an error."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--anew", action="store_true", help="forget earlier results")
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
