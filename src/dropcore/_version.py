"""The version, as it was built."""

from importlib.metadata import version

__version__ = version("dropcore")
