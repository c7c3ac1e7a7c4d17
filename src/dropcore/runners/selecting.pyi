# Nothing for Python: the exports of this module are in selecting.pxd.
