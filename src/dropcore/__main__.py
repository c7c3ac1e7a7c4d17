"""``python -m dropcore`` is the command ``dropcore``."""

import sys

from dropcore.cli import main

if __name__ == "__main__":
    sys.exit(main())
