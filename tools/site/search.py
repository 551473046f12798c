"""What the search of the site shows first, and below the title of a page.

docs/_static/scorer.js is the other half.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.search.en import SearchEnglish

_ROOT: Final = Path(__file__).resolve().parents[2]

WORDS: Final = {
    "CONTRIBUTING": "report bug bugs issue issues vulnerability security roadmap feature request",
    "docs/examples": "example examples sample app application applications demo",
    "docs/explanation/comparison": "datadog newrelic apm alternatives versus vs sentry "
    "opentelemetry logging compare fastapi django quart starlette statsd audit log page views "
    "visitors funnel google analytics matomo plausible",
    "docs/explanation/compatibility": "flask restful restx extension extensions websocket socketio "
    "cors beside compatible compatibility swagger openapi",
    "docs/explanation/delivery": "records data loss lose duplicate duplicates twice exactly once "
    "leader guarantee promise crash kill lost disk full outage failover backpressure",
    "docs/explanation/performance": "ram performance overhead latency slow benchmark cost request "
    "cpu memory",
    "docs/explanation/performance-start": "startup start import slow",
    "docs/how-to/alerts": "alert alerts pager grafana prometheus alertmanager lag backlog "
    "healthcheck",
    "docs/how-to/application-factories": "factory blueprint blueprints init_app create_app",
    "docs/how-to/asking": "tail live slow endpoint endpoints request requests which slowest cost "
    "tenant how many unique active users response time average minute rate timezone failed status "
    "code",
    "docs/how-to/change-exporters": "rotate password migrate move add remove database server "
    "rolling deployment",
    "docs/how-to/check-from-cron": "slack email mail alert alerts cron systemd",
    "docs/how-to/containers": "ecs fargate heroku autoscaling ephemeral container disk read-only "
    "read only filesystem root",
    "docs/how-to/copying": "copy move restore backup",
    "docs/how-to/dashboard": "compare releases slow endpoint endpoints request requests failed "
    "exceptions errors 5xx forgot password slowest dashboard browser ui chart charts login",
    "docs/how-to/databases": "which database backend storage destination compare "
    "mssql sql server oracle bigquery snowflake kafka redis elasticsearch opensearch timescaledb",
    "docs/how-to/dead-letters": "replay poison dead letter letters rejected refused failed "
    "records retry",
    "docs/how-to/deploy": "production deploy deployment checklist",
    "docs/how-to/environment": "input valid list dictionary boolean environment variable "
    "variables env secret secrets file config",
    "docs/how-to/erase-addresses": "already stored addresses email leak scrub",
    "docs/how-to/erasure": "subject request requests GDPR CCPA delete erase user person "
    "data right forgotten",
    "docs/how-to/exactly-once-elsewhere": "webhook http put endpoint bucket folder idempotent",
    "docs/how-to/export": "CSV Excel spreadsheet download Parquet JSON file export",
    "docs/how-to/flask-login": "user id login logged current_user tenant",
    "docs/how-to/from-0.0.10": "migrate migration 0.0.10",
    "docs/how-to/import-0.0.10": "import old rows 0.0.10",
    "docs/how-to/install": "pip install clone requirements extras uninstall version Windows",
    "docs/how-to/jobs": "working outside of application context management command commands job "
    "background task cron crontab thread script",
    "docs/how-to/kubernetes": "kubernetes helm pod",
    "docs/how-to/lake": "data warehouse lake lakehouse s3 parquet bucket iam role azure gcs "
    "google cloud storage",
    "docs/how-to/llm-costs": "expensive price spend openai anthropic tokens llm model cost tenant",
    "docs/how-to/mongodb": "mongo mongodb pymongo",
    "docs/how-to/mysql": "gone away access denied mysql mariadb pymysql create database",
    "docs/how-to/operating": "clock skew failed wrong password authentication credentials "
    "rejected delivered space left deliver growing journal timeout paged incident disk full "
    "outage database databases down away unreachable connection refused lag backlog behind stuck "
    "no leader 500 error",
    "docs/how-to/permissions": "permission permissions denied owner chown root file folder",
    "docs/how-to/pgbouncer": "pgbouncer pooler pool too many connections",
    "docs/how-to/plugins": "plugin plugins",
    "docs/how-to/postgres": "postgres postgresql psycopg create database grant permission "
    "permissions denied privilege role too many connections read replica",
    "docs/how-to/privacy": "ip address anonymize anonymise pseudonymize personal GDPR PII data "
    "secrets password telemetry cookie encryption at rest",
    "docs/how-to/queries": "query python question measure p95 percentile",
    "docs/how-to/record": "query string parameter async views coroutine asyncio await body header "
    "headers stack trace",
    "docs/how-to/request-ids": "request id ids correlation X-Request-ID trace",
    "docs/how-to/retention": "policy data retention delete old records TTL cleanup",
    "docs/how-to/sampling": "sampling sample rate limit share throttle",
    "docs/how-to/servers": "worker workers process processes multiple prefork number cron "
    "gunicorn uwsgi gevent waitress hypercorn production",
    "docs/how-to/several-databases": "several databases two",
    "docs/how-to/shutdown": "drain flush SIGTERM graceful shutdown atexit exit lost records after "
    "deploy restart",
    "docs/how-to/sqlalchemy": "sqlalchemy orm queries",
    "docs/how-to/sqlite": "database locked backup sqlite file",
    "docs/how-to/switch-off": "do not track dnt disable turn off opt out exclude ignore route user",
    "docs/how-to/tables": "join SQL pandas BI metabase superset datasette jupyter "
    "notebook tableau powerbi looker",
    "docs/how-to/task-queues": "celery rq apscheduler queue task tasks worker",
    "docs/how-to/testing": "test testing pytest fixture disable off",
    "docs/how-to/troubleshooting": "FAQ debug problem empty missing nothing recorded recording "
    "records not working late lost after deploy help slow no leader permission denied 401 404",
    "docs/how-to/two-applications": "two applications several services shared database",
    "docs/how-to/upgrade": "schema migration alter table upgrade update downgrade rollback back "
    "version release rolling alembic",
    "docs/how-to/write-an-exporter": "webhook http post url api send exporter plugin custom "
    "destination backend",
    "docs/how-to/write-to-one-file": "csv jsonl text log file exporter append",
    "docs/reference/api/index": "python typed type hints mypy pyright",
    "docs/reference/commands": "command commands cli option options",
    "docs/reference/errors": "module named error ModuleNotFoundError ImportError traceback "
    "exception",
    "docs/reference/exporter-settings": "pool timeout url fields",
    "docs/reference/hooks": "options settings of for own plugin hook hooks hookimpl hookspec",
    "docs/reference/glossary": "terms definitions vocabulary glossary words leader",
    "docs/reference/measures": "unique distinct users count timezone time zone daylight saving "
    "response error rate p99 aggregate group by percentile p95 average sum histogram",
    "docs/reference/redaction": "mask redact redacted secret",
    "docs/reference/settings": "setting settings configuration config environment",
    "docs/reference/values": "payload large size type types",
    "docs/tutorial/first-chart": "tutorial quickstart getting started start beginner hello world "
    "first",
    "examples/flask-chest-webhook/README": "webhook http post url send",
    "plugins/flask_chest_dashboard/README": "sso single sign on oauth oidc saml keycloak log in "
    "login who may look",
    "plugins/flask_chest_monitor/README": "monitor probe probes healthcheck health check liveness "
    "readiness unauthorized forbidden token prometheus",
}
"""What people type who look for a page. The search finds it by these words, and shows it first."""

SYNONYMS: Final = [
    "async asynchronous asyncio await coroutine",
    "anonymize anonymise pseudonymize mask redact",
    "ssl tls certificate",
    "cost price spend expensive money bill",
    "customer tenant account organization organisation",
    "delete remove erase",
    "distinct unique different",
    "endpoint route view",
    "exception error",
    "graph chart plot",
    "incorrect invalid wrong bad",
    "kubernetes k8s",
    "latency slow duration",
    "ram memory",
    "mongo mongodb",
    "postgres postgresql",
    "several multiple two",
]
"""Words that count as each other in a search, a little less than the word itself."""


_TEXTS: Final = "search_texts.js"


class SearchNumbers(SearchEnglish):
    """English, with numbers: a status code, a port, a mode of a file."""

    def word_filter(self, word: str) -> bool:
        """Return whether a word is in the index."""
        return word not in self.stopwords


def add_search_words(app: Sphinx, doctree: nodes.document) -> None:
    """Let the search find a page by words that are not on it."""
    words = WORDS.get(app.env.docname)
    if words:
        doctree += nodes.meta("", name="keywords", lang="en", content=",".join(words.split()))


def keep_texts(app: Sphinx, doctree: nodes.document) -> None:
    """Keep the first paragraph of a page, which the search shows below its title, and its words."""
    kept = app.env.metadata[app.env.docname]
    lead = next(doctree.findall(nodes.paragraph), None)
    kept["lead"] = lead.astext()[:200] if lead else ""
    shown = [
        text.astext()
        for text in doctree.findall(nodes.Text)
        if not isinstance(text.parent, (nodes.comment, nodes.raw))
    ]
    kept["words"] = " ".join(re.findall(r"\w+", " ".join(shown).lower()))


def write_texts(app: Sphinx, error: Exception | None) -> None:
    """Write the words of all pages in their order, in which the search looks for phrases."""
    if error is None and app.builder.format == "html":
        pages = sorted(app.env.metadata.items())
        texts = {name: f" {found.get('words', '')} " for name, found in pages}
        path = Path(app.outdir) / "_static" / _TEXTS
        path.write_text(f"const SEARCH_TEXTS = {json.dumps(texts, ensure_ascii=False)};\n", "utf-8")


def tell_search(app: Sphinx, page: str, *_others: object) -> None:
    """Give the search what it shows first and below a title, for docs/_static/scorer.js."""
    if page == "search":
        given = {
            "SEARCH_WORDS": {name: text.lower().split() for name, text in WORDS.items()},
            "SYNONYMS": [group.split() for group in SYNONYMS],
            "LEADS": {name: found.get("lead", "") for name, found in app.env.metadata.items()},
        }
        text = " ".join(f"const {name} = {json.dumps(value)};" for name, value in given.items())
        app.add_js_file(None, body=text)
        app.add_js_file(_TEXTS)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect what Sphinx calls while it builds.

    Raises:
        ValueError: A page of `WORDS` does not exist.
    """
    missing = [page for page in WORDS if not (_ROOT / f"{page}.md").is_file()]
    if missing:
        raise ValueError(f"WORDS has pages that do not exist: {missing}")
    app.connect("doctree-read", add_search_words)
    app.connect("doctree-read", keep_texts)
    app.connect("build-finished", write_texts)
    app.add_search_language(SearchNumbers)
    app.connect("html-page-context", tell_search)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
