"""How Sphinx makes the site of these pages: `make docs`."""

import importlib.metadata

project = "dropcore"
author = "the dropcore developers"
release = importlib.metadata.version("dropcore")

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.viewcode",
    "numpydoc",
]
html_theme = "furo"
html_title = f"dropcore {release}"

myst_heading_anchors = 3
# The pages are read in the repository too, and link to its files.
suppress_warnings = ["myst.xref_missing"]

autosummary_generate = True
autodoc_typehints = "none"  # the docstrings state the types
numpydoc_show_class_members = False
numpydoc_class_members_toctree = False
