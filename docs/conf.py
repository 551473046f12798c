"""The documentation site: `make docs`. Its source is the repository, so that links hold on both."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

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
]

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


def link_pages(*arguments: Any) -> None:  # noqa: ANN401 - Sphinx gives six
    """Make links of the names of pages in a docstring, as ``docs/reference/filters.md``."""
    lines: list[str] = arguments[-1]
    lines[:] = [re.sub(r"\bdocs/([\w/.-]+)\.md", r":doc:`/docs/\1`", line) for line in lines]


def link_others(
    _app: Sphinx, _env: object, node: nodes.Element, text: nodes.Node
) -> nodes.Node | None:
    """Make links of types of Python and Flask in signatures, without asking their sites."""
    target = str(node.get("reftarget", ""))
    module, _, name = target.rpartition(".")
    if node.get("refdomain") != "py" or not module:
        return None
    if module.partition(".")[0] == "flask":
        url = f"https://flask.palletsprojects.com/en/stable/api/#flask.{name}"
    elif module.partition(".")[0] in sys.stdlib_module_names:
        url = f"https://docs.python.org/3/library/{module}.html#{target}"
    else:
        return None
    return nodes.reference("", "", text, refuri=url, reftitle=target, internal=False)


# What people type who look for a page. The search finds it by these words, and shows it first.
SEARCH_WORDS = {
    "docs/explanation/comparison": "alternatives versus vs sentry opentelemetry logging compare",
    "docs/explanation/delivery": "leader guarantee promise crash kill lost",
    "docs/explanation/performance": "performance overhead latency slow benchmark cost cpu memory",
    "docs/how-to/alerts": "alert alerts pager grafana prometheus alertmanager",
    "docs/how-to/application-factories": "factory blueprint blueprints init_app create_app",
    "docs/how-to/change-exporters": "migrate move add remove database server rolling deployment",
    "docs/how-to/dashboard": "dashboard browser ui chart charts login",
    "docs/how-to/databases": "which database backend storage destination compare",
    "docs/how-to/dead-letters": "dead letter letters rejected refused failed records retry",
    "docs/how-to/deploy": "production deploy deployment checklist",
    "docs/how-to/environment": "environment variable variables env secret secrets file config",
    "docs/how-to/erasure": "GDPR CCPA delete erase user person data right forgotten",
    "docs/how-to/export": "CSV Excel spreadsheet download Parquet JSON file export",
    "docs/how-to/flask-login": "user id login logged current_user",
    "docs/how-to/from-0.0.10": "migrate migration upgrade 0.0.10",
    "docs/how-to/install": "pip install requirements extras upgrade uninstall version Windows",
    "docs/how-to/jobs": "job background task cron thread script",
    "docs/how-to/llm-costs": "openai anthropic tokens llm model cost",
    "docs/how-to/plugins": "plugin plugins",
    "docs/how-to/postgres": "postgres postgresql psycopg",
    "docs/how-to/privacy": "GDPR PII personal data secrets password telemetry cookie",
    "docs/how-to/queries": "query python question measure p95 percentile",
    "docs/how-to/request-ids": "request id ids correlation X-Request-ID trace",
    "docs/how-to/retention": "retention delete old records TTL cleanup",
    "docs/how-to/sampling": "sampling sample rate share",
    "docs/how-to/servers": "gunicorn uwsgi gevent waitress hypercorn production",
    "docs/how-to/shutdown": "drain flush SIGTERM graceful shutdown atexit exit",
    "docs/how-to/sqlite": "sqlite file",
    "docs/how-to/switch-off": "disable turn off opt out exclude ignore route user",
    "docs/how-to/tables": "SQL pandas BI metabase superset datasette",
    "docs/how-to/task-queues": "celery rq apscheduler queue task tasks worker",
    "docs/how-to/testing": "test tests testing pytest fixture",
    "docs/how-to/troubleshooting": "FAQ debug problem empty missing nothing recorded recording "
    "records not working late lost help slow",
    "docs/how-to/write-an-exporter": "exporter plugin custom destination backend",
    "docs/reference/commands": "command commands cli option options",
    "docs/reference/errors": "error ModuleNotFoundError ImportError traceback exception",
    "docs/reference/exporter-settings": "pool timeout url fields",
    "docs/reference/glossary": "terms definitions vocabulary glossary words leader",
    "docs/reference/measures": "aggregate group by percentile p95 average sum histogram",
    "docs/reference/settings": "setting settings configuration config environment",
}


def add_search_words(app: Sphinx, doctree: nodes.document) -> None:
    """Let the search find a page by words that are not on it."""
    words = SEARCH_WORDS.get(app.env.docname)
    if words:
        doctree += nodes.meta("", name="keywords", lang="en", content=",".join(words.split()))


def keep_lead(app: Sphinx, doctree: nodes.document) -> None:
    """Keep the first paragraph of a page, which the search shows below its title."""
    lead = next(doctree.findall(nodes.paragraph), None)
    app.env.metadata[app.env.docname]["lead"] = lead.astext()[:200] if lead else ""


def tell_search(app: Sphinx, page: str, *_others: object) -> None:
    """Give the search what it shows first and below a title, for docs/_static/scorer.js."""
    if page == "search":
        words = {name: text.lower().split() for name, text in SEARCH_WORDS.items()}
        leads = {name: found.get("lead", "") for name, found in app.env.metadata.items()}
        text = f"const SEARCH_WORDS = {json.dumps(words)}; const LEADS = {json.dumps(leads)};"
        app.add_js_file(None, body=text)


def setup(app: Sphinx) -> None:
    """Connect what Sphinx calls while it builds."""
    missing = [page for page in SEARCH_WORDS if not (ROOT / f"{page}.md").is_file()]
    if missing:
        raise ValueError(f"SEARCH_WORDS has pages that do not exist: {missing}")
    app.connect("autodoc-process-docstring", link_pages)
    app.connect("doctree-read", add_search_words)
    app.connect("doctree-read", keep_lead)
    app.connect("html-page-context", tell_search)
    app.connect("missing-reference", link_others)
