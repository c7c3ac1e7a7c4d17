"""Published test batteries that read a pipe: dieharder and ent. Each test gives a p-value.

dieharder calls its tests 5, 6 and 7 suspect, and says that test 14 must not be used. These four
tests are left out. `-Y 1` repeats a test with more samples until the p-value is clearly inside or
outside. The index of Python packages has suites for NIST SP 800-22, but none of them gave the right
p-values for NumPy's generator. Instead, dieharder runs three tests of NIST's suite: 100, 101, 102.
"""

import shutil
import subprocess
import sys
import threading
from math import sqrt

from scipy.stats import chi2, norm

FIRST = (0, 1, 2, 3, 4, 8, 9)
ALL = (*FIRST, 10, 11, 12, 13, 15, 16, 17, 100, 101, 102, *range(200, 210))
# The values of `-n`, for tests with a parameter: the bits of a pattern, the dimensions of a
# distance, the length of a permutation, the numbers left out before each added number. Without
# `-n` dieharder takes 0. Test 200 then refuses to run, and test 201 gives p = 0 for every
# generator.
PARAMETERS = {200: (1, 4, 8), 201: (2, 5), 202: (3, 5), 203: (0, 15)}
COLUMNS = ("test_name", "ntuple", "pvalues")
ENT_BYTES = 2**24


class Feed:
    """Passes the bytes of `dropcore stream` to another program, and counts the bytes."""

    def __init__(self):
        self.bytes = 0

    def into(self, words, command):
        """Run `command` with these bytes as its input; return its output."""
        source = subprocess.Popen(
            [sys.executable, "-m", "dropcore", "stream", *words], stdout=subprocess.PIPE
        )
        sink = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        printed = []
        reader = threading.Thread(target=lambda: printed.append(sink.stdout.read()))
        reader.start()
        try:
            while piece := source.stdout.read(2**20):
                sink.stdin.write(piece)
                self.bytes += len(piece)
            sink.stdin.close()
        except BrokenPipeError:  # the program has stopped reading
            pass
        source.kill()
        source.communicate()
        reader.join()
        if sink.wait():
            raise RuntimeError(f"{' '.join(command)}: {printed[0].decode()}")
        return printed[0].decode()


def need(*programs):
    """Exit with a message if programs are missing."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        sys.exit(f"not installed: {', '.join(missing)} (Debian packages of the same names)")


def dieharder(feed, words, tests):
    """Run tests of dieharder on these bytes; return pairs of a name and a p-value."""
    for number, parameter in ((test, n) for test in tests for n in PARAMETERS.get(test, (0,))):
        command = ["dieharder", "-g", "200", "-d", str(number), "-n", str(parameter)]
        command += ["-Y", "1", "-k", "2", "-c", ","]
        for column in COLUMNS:
            command += ["-D", column]
        printed = feed.into(words, command)
        rows = [[field.strip() for field in line.split(",")] for line in printed.splitlines()]
        rows = [row for row in rows if len(row) == len(COLUMNS) and not row[0].startswith("#")]
        if not rows:
            raise RuntimeError(f"{' '.join(command)} gave no p-value:\n{printed}")
        for name, ntuple, p in rows:
            yield f"dieharder {name} {ntuple}, {' '.join(words)}", float(p)


def ent(feed, words):
    """Run ent on 16 MiB: chi-square of the bytes, mean, and serial correlation."""
    report = feed.into([*words, "--bytes", str(ENT_BYTES)], ["ent", "-t"]).splitlines()
    values = dict(zip(report[0].split(","), report[1].split(","), strict=True))
    n = int(values["File-bytes"])
    mean = (float(values["Mean"]) - 127.5) / sqrt((256**2 - 1) / 12 / n)
    correlation = float(values["Serial-Correlation"]) * sqrt(n)
    name = f", {' '.join(words)}"
    yield f"ent chi-square{name}", float(chi2(255).sf(float(values["Chi-square"])))
    yield f"ent mean{name}", 2 * float(norm.sf(abs(mean)))
    yield f"ent serial correlation{name}", 2 * float(norm.sf(abs(correlation)))
