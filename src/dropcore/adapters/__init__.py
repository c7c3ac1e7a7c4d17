"""What shows the variants to one world each: NumPy loops, the autograd engine."""
