"""The program ``dropcore``. Ctrl+C during the import, or a wrong setting, prints no traceback.

`dropcore.cli` could not be this module: Python imports all of `dropcore`, with NumPy, before it.
"""

import sys


def main() -> int:
    """Run the command line; the result is the exit status, 130 after an interruption.

    A variable of the environment with a wrong value, such as DROPCORE_ISA, makes the import fail.
    """
    try:
        from dropcore import cli
    except KeyboardInterrupt:
        return 130
    except (RuntimeError, ValueError) as error:
        if not str(error).startswith("DROPCORE_"):
            raise
        print(f"dropcore: {error}", file=sys.stderr)
        return 1
    return cli.main()
