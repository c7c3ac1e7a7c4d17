# Nothing for Python: what this module exports is in lookup.pxd.
