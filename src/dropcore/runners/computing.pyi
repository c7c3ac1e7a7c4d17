# Nothing for Python: the exports of this module are in computing.pxd.
