"""The documentation site: `make docs`. Its source is the repository, so that links hold on both."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from flask_chest import __version__  # noqa: E402 - from this clone

project = "Flask-Chest"
author = "The Flask-Chest developers"
copyright = author  # noqa: A001 - the name is Sphinx's
version = release = __version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "tools.site.links",
    "tools.site.search",
]

# -- the copy button: commands without their prompt and what they print; other blocks as they are --
copybutton_prompt_text = "$ "
copybutton_line_continuation_character = "\\"
copybutton_copy_empty_lines = False  # those of what a command prints

# -- pages --
root_doc = "docs/index"
include_patterns = [
    "docs/**",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "examples/README.md",
    "examples/*/README.md",
    "plugins/*/README.md",
]
exclude_patterns = ["**/.*", "tests", "build", "dist", "instance", "docs/_root", "docs/_static"]
myst_heading_anchors = 4
smartquotes = False  # a quote in the help of a command is copied into a shell
myst_enable_extensions = ["colon_fence", "attrs_block"]

# -- the code --
autodoc_typehints = "signature"
maximum_signature_line_length = 88  # a longer one has a line for each parameter
python_use_unqualified_type_names = True
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_numpy_docstring = False
default_role = "code"
# Types of signatures: of other packages, whose sites are not asked, or aliases. Errors are checked.
nitpick_ignore_regex = [("py:(class|obj)", ".*")]

suppress_warnings = ["ref.python"]  # a type of a signature may be the name of several members

# -- the site: it works from a folder, without a network --
html_theme = "furo"
html_extra_path = ["_root"]
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_search_scorer = str(ROOT / "docs/_static/scorer.js")
_MARK = ROOT / "plugins/flask_chest_dashboard/src/flask_chest_dashboard/static/mark.svg"
html_logo = html_favicon = str(_MARK)
html_title = f"Flask-Chest {release}"
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
