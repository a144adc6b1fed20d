"""Sphinx's options for the site; docs/make_site.py runs it."""

from lucid import __version__

project, author, release = "Lucid", "the Lucid authors", __version__
copyright = "the Lucid authors"
extensions = ["myst_parser"]
html_theme = "furo"
html_title = f"Lucid {__version__}"
html_show_sourcelink = False
html_copy_source = False
highlight_language = "text"
myst_heading_anchors = 3
python_use_unqualified_type_names = True
exclude_patterns = ["examples"]
