"""Print the lines of .pyx and .pxi files that no test ran: `make coverage`.

gcov counts how often each line of the generated C ran. A line directive of Cython names the source
line of a C line. gcov attributes the C lines after a directive to the next source lines, so this
script counts only source lines that a directive names. gcovr cannot be used, because it looks for
the generated files in the compiler's working directory, and the files are elsewhere. So this script
reads gcov's JSON itself.

    python tools/uncovered.py BUILD_FOLDER
"""

import json
import re
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import groupby
from pathlib import Path

DIRECTIVE = re.compile(r'^#line (\d+) "(.*)"', re.MULTILINE)


def counts(build):
    """How often each line of each file ran, over all instruction sets."""
    named = {
        found for path in build.rglob("*.pyx.c") for found in DIRECTIVE.findall(path.read_text())
    }
    ran = defaultdict(Counter)
    for notes in sorted(build.rglob("*.gcno")):
        done = subprocess.run(
            ["gcov", "--json-format", "--stdout", notes.with_suffix(".gcda")],
            cwd=build,
            capture_output=True,
            check=True,
        )
        for line in done.stdout.splitlines():
            for file in json.loads(line)["files"]:
                path = source_of(file["file"], build)
                for each in file["lines"] if path else ():
                    if (str(each["line_number"]), file["file"]) in named:
                        ran[path][each["line_number"]] += each["count"]
    return ran


def source_of(name, build):
    """The source file for a name of Cython, relative to the build folder or to src."""
    for path in ((build / name).resolve(), Path("src", name).resolve()):
        if path.suffix in (".pyx", ".pxi") and path.is_file():
            return path
    return None


def ranges(lines):
    """Turn 3, 4, 5, 9 into the text 3-5, 9."""
    groups = groupby(enumerate(sorted(lines)), lambda pair: pair[1] - pair[0])
    runs = [[line for _, line in group] for _, group in groups]
    return ", ".join(f"{run[0]}-{run[-1]}" if len(run) > 1 else str(run[0]) for run in runs)


def main():
    """Print a line for each file."""
    for path, ran in sorted(counts(Path(sys.argv[1]).resolve()).items()):
        missing = [line for line, count in ran.items() if not count]
        share = 1 - len(missing) / len(ran)
        print(f"{path.relative_to(Path.cwd())}  {share:.0%} of {len(ran)}  {ranges(missing)}")


if __name__ == "__main__":
    main()
