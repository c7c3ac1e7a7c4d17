# Nothing for Python: what this module exports is in apply.pxd.
