"""tools/with_progress.py: a long build shows steps, and a failed build shows its whole output."""

import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[1] / "tools" / "with_progress.py"
if not TOOL.is_file():
    pytest.skip("the tools are not beside the tests", allow_module_level=True)

BUILD = """
import sys
print("  + ninja", flush=True)
for step in range(1, 26):
    print(f"  [{step}/25] Compiling C object part{step}.o", flush=True)
for file in range(1, 13):
    print(f"  [{file}/12] {sys.prefix}/file{file}.py", flush=True)
print("a warning", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""


LOG = """\
  compiling [10/25]
  compiling [20/25]
  compiling [25/25]
  packing the wheel [10/12]
  packing the wheel [12/12]
"""


def run(status, **arguments):
    command = [sys.executable, str(TOOL), sys.executable, "-c", BUILD, str(status)]
    return subprocess.run(command, timeout=60, check=False, **arguments)


def test_in_a_log_every_tenth_step_is_a_line():
    done = run(0, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, LOG)


def test_a_failure_shows_everything_and_has_its_status():
    done = run(3, capture_output=True, text=True)
    assert done.returncode == 3
    assert "  [7/25] Compiling C object part7.o\n" in done.stdout
    assert "a warning\n" in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="terminals of POSIX")
def test_on_a_terminal_one_line_is_overwritten():
    import os
    import pty

    master, slave = pty.openpty()
    done = run(0, stdout=slave)
    os.close(slave)
    said = os.read(master, 1 << 16).decode()
    os.close(master)
    assert done.returncode == 0
    assert said.count("\r  compiling [") == 25
    assert said.count("\r  packing the wheel [") == 12
    assert "compiling [7/25] Compiling C object part7.o" in said
    assert said.strip("\r\n").count("\n") == 0
