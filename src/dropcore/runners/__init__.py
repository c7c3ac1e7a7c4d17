"""What runs a variant: a module for each kind, behind the interface `Runner` of dropcore.mask."""

from dropcore.runners import deciding, free, inference, planned

__all__ = ["deciding", "free", "inference", "planned"]  # each has registered its kind
