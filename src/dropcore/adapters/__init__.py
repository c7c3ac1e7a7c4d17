"""Adapters: the dropout layer for NumPy loops, and dropout for the autograd engine."""
