# Nothing for Python: it registers what runs this kind of variant.
