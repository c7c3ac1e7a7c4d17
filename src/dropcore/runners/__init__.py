"""The Runners: one module for each kind of variant. The interface is `Runner` in dropcore.mask."""

from dropcore.runners import deciding, free, inference, planned

__all__ = ["deciding", "free", "inference", "planned"]  # importing a module registers its Runner
