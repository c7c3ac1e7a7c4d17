# Nothing for Python: the module registers a Runner.
