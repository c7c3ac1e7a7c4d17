"""The program ``dropcore``; Ctrl+C while it imports is no traceback either.

`dropcore.cli` could not be this module: Python imports all of `dropcore`, with NumPy, before it.
"""


def main() -> int:
    """Run the command line; the result is the exit status, 130 after an interruption."""
    try:
        from dropcore import cli
    except KeyboardInterrupt:
        return 130
    return cli.main()
