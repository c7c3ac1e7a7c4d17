"""Run a command that builds, and show the progress of the build.

    python tools/with_progress.py COMMAND...

ninja prints a line that begins with `[12/87]` for each step. Then meson-python packs the wheel, and
prints such a line for each file. A terminal shows the newest step, always on the same line. A log
gets every tenth step. Other output of the command is shown only if the command fails. The exit
status is the exit status of the command.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

STEP = re.compile(r"\[(\d+)/(\d+)\] (.*)")
EVERY = 10


def shown(line: str, on_terminal: bool) -> str | None:
    """What to write for a line of the command; None for nothing."""
    found = STEP.search(line)
    if found is None:
        return None
    done, steps, what = int(found[1]), int(found[2]), found[3].strip()
    phase = "packing the wheel" if Path(what).is_absolute() else "compiling"
    count = f"  {phase} [{done}/{steps}]"
    if on_terminal:
        width = shutil.get_terminal_size().columns - 1
        return f"\r{f'{count} {what}'[:width]:{width}}"
    return f"{count}\n" if done % EVERY == 0 or done == steps else None


def main(command: list[str]) -> int:
    """Run the command."""
    on_terminal, lines = sys.stdout.isatty(), []
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            text = shown(line, on_terminal)
            if text is not None:
                sys.stdout.write(text)
                sys.stdout.flush()
    if on_terminal:
        sys.stdout.write("\n")
    if process.returncode:
        sys.stdout.writelines(lines)
    return process.returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
