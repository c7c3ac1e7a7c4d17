"""``python -m dropcore`` is the command ``dropcore``."""

import sys

from dropcore.cli import main

sys.exit(main())
