# Nothing for Python: what this module exports is in computing.pxd.
