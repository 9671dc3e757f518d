"""How the documentation is built: `make docs`, warnings are errors."""

from importlib.metadata import version as version_of

project = "mithra"
author = "the mithra authors"
copyright = "2026, the mithra authors"
version = release = version_of("mithra")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "mithra"
myst_heading_anchors = 3
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_format = "short"
default_role = "literal"
