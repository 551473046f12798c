"""Tokens are found by the prefix that their issuer documents."""

from __future__ import annotations

import re

import pytest
from support.finders import found

from flask_chest.redaction.issuers import TOKENS, issuers

pytestmark = pytest.mark.opens_nothing

# No secrets, and nothing in this file looks like one: each is put together at runtime.
MIXED = "aB3dE6gH9jK2mN5pQ8sT" * 10
HEX = "0a1b2c3d4e5f6789" * 10
UPPER = "A2B3C4D5E6F7G2H3" * 10


FORMS = {
    "1Password": "ops_" + "eyJ" + MIXED[:60],
    "age": "AGE-SECRET-" + "KEY-1" + UPPER[:58],
    "Airtable": "pat" + MIXED[:14] + "." + HEX[:64],
    "Anthropic": "sk-" + "ant-api03-" + MIXED[:93] + "-A",
    "Atlassian": "ATATT" + "3x" + MIXED[:180] + "=0A1B2C3D",
    "Atlassian of Bitbucket": "ATBB" + MIXED[:32],
    "AWS": "AK" + "IA" + UPPER[:16],
    "AWS temporary": "AS" + "IA" + UPPER[:16],
    "AWS Bedrock": "ABSK" + MIXED[:110] + "==",
    "Azure client secret": "abc" + "8Q" + "~" + MIXED[:34],
    "Buildkite": "bkua" + "_" + HEX[:40],
    "CircleCI": "CCI" + "PAT_" + MIXED[:22] + "_" + HEX[:40],
    "Clojars": "CLOJARS" + "_" + HEX[:60],
    "Cloudflare": "v1.0" + "-" + HEX[:24] + "-" + HEX[:146],
    "Contentful": "CFPAT" + "-" + MIXED[:43],
    "crates.io": "cio" + MIXED[:32],
    "Databricks": "dapi" + HEX[:32] + "-2",
    "DigitalOcean": "dop" + "_v1_" + HEX[:64],
    "DigitalOcean OAuth": "doo" + "_v1_" + HEX[:64],
    "DigitalOcean refresh": "dor" + "_v1_" + HEX[:64],
    "Discord": "M" + MIXED[:23] + "." + MIXED[:6] + "." + MIXED[:27],
    "Docker": "dckr" + "_pat_" + MIXED[:27],
    "Doppler": "dp." + "pt." + MIXED[:43],
    "Doppler service": "dp." + "st.dev." + MIXED[:43],
    "Dropbox": "sl." + "u." + MIXED[:130],
    "Dynatrace": "dt0" + "c01." + UPPER[:24] + "." + UPPER[:64],
    "ElevenLabs": "sk" + "_" + HEX[:48],
    "Figma": "figd" + "_" + MIXED[:40],
    "Flask": ".e" + "J" + MIXED[:50] + "." + MIXED[:6] + "." + MIXED[:27],
    "Fly.io": "fm2" + "_" + MIXED[:100],
    "GitHub": "gh" + "p_" + MIXED[:36],
    "GitHub OAuth": "gh" + "o_" + MIXED[:36],
    "GitHub user": "gh" + "u_" + MIXED[:36],
    "GitHub server": "gh" + "s_" + MIXED[:36],
    "GitHub refresh": "gh" + "r_" + MIXED[:76],
    "GitHub fine-grained": "github" + "_pat_" + MIXED[:22] + "_" + MIXED[:59],
    "GitLab": "gl" + "pat-" + MIXED[:20],
    "GitLab routable": "gl" + "pat-" + MIXED[:27] + ".01.0a1b2c3d4",
    "GitLab deploy": "gl" + "dt-" + MIXED[:20],
    "GitLab runner": "gl" + "rt-t1_" + MIXED[:20],
    "GitLab job": "gl" + "cbt-64_" + MIXED[:20],
    "GitLab trigger": "gl" + "ptt-" + HEX[:40],
    "GitLab feed": "gl" + "ft-" + MIXED[:20],
    "GitLab SCIM": "gl" + "soat-" + MIXED[:20],
    "GitLab agent": "gl" + "agent-" + MIXED[:50],
    "GitLab mail": "gl" + "imt-" + MIXED[:25],
    "GitLab OAuth": "gl" + "oas-" + HEX[:64],
    "GitLab registration": "GR" + "1348941" + MIXED[:20],
    "Google": "AI" + "za" + MIXED[:35],
    "Google access": "ya" + "29." + "a0" + MIXED[:150],
    "Google client": "GOC" + "SPX-" + MIXED[:28],
    "Google refresh": "1/" + "/0" + MIXED[:60],
    "Grafana": "gl" + "sa_" + MIXED[:32] + "_" + HEX[:8],
    "Grafana Cloud": "gl" + "c_" + MIXED[:120] + "=",
    "Groq": "gs" + "k_" + MIXED[:52],
    "HashiCorp": "hv" + "s." + MIXED[:90],
    "HashiCorp batch": "hv" + "b." + MIXED[:140],
    "HashiCorp before 1.10": "s" + "." + MIXED[:24],
    "HashiCorp Terraform": MIXED[:14] + ".atlas" + "v1." + MIXED[:67],
    "Heroku": "HR" + "KU-AA" + MIXED[:58],
    "HubSpot": "pat-" + "na1-" + "0a1b2c3d-0000-4000-8000-0a1b2c3d4e5f",
    "Hugging Face": "h" + "f_" + MIXED[:34],
    "Hugging Face organization": "api" + "_org_" + MIXED[:34],
    "LangSmith": "lsv2" + "_pt_" + HEX[:32] + "_" + HEX[:10],
    "Linear": "lin" + "_api_" + MIXED[:40],
    "Mailchimp": HEX[:32] + "-" + "us12",
    "Mailgun": "key" + "-" + HEX[:32],
    "Mailgun today": HEX[:32] + "-" + HEX[:8] + "-" + HEX[:8],
    "Mapbox": "sk." + "eyJ" + MIXED[:60] + "." + MIXED[:22],
    "Meta": "EA" + "A" + MIXED[:150],
    "Netlify": "nf" + "p_" + MIXED[:36],
    "New Relic": "NR" + "AK-" + UPPER[:27],
    "New Relic license": HEX[:36] + "NR" + "AL",
    "Notion": "nt" + "n_" + MIXED[:46],
    "Notion before 2024": "secret" + "_" + MIXED[:43],
    "npm": "np" + "m_" + MIXED[:36],
    "NVIDIA": "nv" + "api-" + MIXED[:64],
    "OpenAI": "s" + "k-" + MIXED[:20] + "T3BlbkFJ" + MIXED[:20],
    "OpenAI project": "sk" + "-proj-" + MIXED[:120] + "_-a",
    "OpenAI service account": "sk" + "-svcacct-" + MIXED[:120],
    "OpenAI admin": "sk" + "-admin-" + MIXED[:120],
    "OpenRouter": "sk" + "-or-v1-" + HEX[:64],
    "PASETO": "v4" + ".local." + MIXED[:150],
    "PASETO with a footer": "v2" + ".public." + MIXED[:150] + "." + MIXED[:20],
    "Perplexity": "pp" + "lx-" + MIXED[:48],
    "Plaid": "access" + "-sandbox-" + "0a1b2c3d-0000-4000-8000-0a1b2c3d4e5f",
    "PlanetScale": "pscale" + "_tkn_" + MIXED[:43],
    "Postman": "PM" + "AK-" + HEX[:24] + "-" + HEX[:34],
    "Pulumi": "pu" + "l-" + HEX[:40],
    "PyPI": "py" + "pi-AgE" + "IcHlwaS5vcmc" + MIXED[:150],
    "Replicate": "r8" + "_" + MIXED[:37],
    "RubyGems": "rubygems" + "_" + HEX[:48],
    "SendGrid": "S" + "G." + MIXED[:22] + "." + MIXED[:43],
    "Sentry": "sntrys" + "_" + "eyJ" + MIXED[:150] + "_" + MIXED[:43],
    "Sentry user": "sntryu" + "_" + HEX[:64],
    "Shopify": "shp" + "at_" + HEX[:32],
    "Shopify custom": "shp" + "ca_" + HEX[:32],
    "Shopify private": "shp" + "pa_" + HEX[:32],
    "Shopify shared": "shp" + "ss_" + HEX[:32],
    "Slack bot": "xo" + "xb-123456789012-1234567890123-" + MIXED[:24],
    "Slack user": "xo" + "xp-123456789012-123456789012-" + HEX[:32],
    "Slack rotated": "xo" + "xe.xo" + "xp-1-" + MIXED[:146],
    "Slack refresh": "xo" + "xe-1-" + MIXED[:146],
    "Slack app": "xa" + "pp-1-A0123456789-1234567890123-" + HEX[:64],
    "Square": "sq0" + "atp-" + MIXED[:22],
    "Square secret": "sq0" + "csp-" + MIXED[:43],
    "Square production": "EA" + "AA" + "l-" + MIXED[:58],
    "Stripe": "sk" + "_live_" + MIXED[:24],
    "Stripe test": "sk" + "_test_" + MIXED[:99],
    "Stripe restricted": "rk" + "_live_" + MIXED[:24],
    "Stripe webhook": "wh" + "sec_" + MIXED[:32],
    "Supabase": "sb" + "p_" + HEX[:40],
    "Supabase secret": "sb" + "_secret_" + MIXED[:22] + "_" + MIXED[:8],
    "Tailscale": "ts" + "key-auth-" + MIXED[:17] + "-" + MIXED[:32],
    "Telegram": "123456789" + ":A" + "A" + MIXED[:33],
    "Twilio": "S" + "K" + HEX[:32],
    "Typeform": "tf" + "p_" + MIXED[:59],
    "xAI": "xa" + "i-" + MIXED[:80],
}

PARTS = [
    ("hooks." + "slack.com/services/", "T0123ABCD/B0123ABCD/" + MIXED[:24]),
    ("hooks." + "slack.com/workflows/", "T0123ABCD/A0123/123/" + MIXED[:24]),
    ("discord.com/api/" + "webhooks/123456789012345678/", MIXED[:68]),
    ("api.telegram.org/bot123456789:", "A" + "A" + MIXED[:33]),
    ("DefaultEndpointsProtocol=https;AccountName=a;" + "Account" + "Key=", MIXED[:86] + "=="),
    ("SharedAccessKeyName=a;" + "SharedAccess" + "Key=", MIXED[:43] + "="),
    ("pi_" + MIXED[:24], "_secret_" + MIXED[:25]),
    ("seti_" + MIXED[:24], "_secret_" + MIXED[:25]),
]


@pytest.mark.parametrize("token", FORMS.values(), ids=FORMS)
def test_a_token_is_found_in_every_surrounding(token):
    assert found(issuers, token) == [token]
    for before, after in [
        ("a ", " b"),
        ('"', '"'),
        ("x=", "&y=1"),
        ("(", ")"),
        ("/", "?a"),
        ("\n", "\n"),
        ("Key:", ","),
        ("%20", "%20"),
        ("%3D", "%26"),
        ("\\n", "\\n"),
        ("\\x1f", "\\"),
        ("\u4e2d", "\u4e2d"),
    ]:
        assert found(issuers, before + token + after) == [token], (before, after)


@pytest.mark.parametrize(("before", "secret"), PARTS)
def test_of_a_longer_text_the_secret_part_is_found(before, secret):
    assert found(issuers, f"https://{before}{secret} x") == [secret]


def test_a_token_inside_of_a_word_is_none():
    for token in FORMS.values():
        if token[0].isalnum():
            assert found(issuers, f"{'x' * 20}{token}".replace("_", "x").replace("-", "x")) == []


@pytest.mark.parametrize(
    "text",
    [
        "sk-learn-something-nice-here-and-there",
        "the key-value store and the task-0123456789abcdefghijkl",
        "hf_hub_download(repo_id='a/b', filename='config.json')",
        "npm_config_registry npm_lifecycle_event_of_the_package",
        "shpat_ alone",
        "dapi",
        "dapi-for-data",
        "SG.something",
        "AKIA",
        "AIza",
        "xoxb-",
        "whsec_",
        "ghp_short",
        "github_pat_here",
        "glpat-",
        "s.toLocaleUpperCaseOfTheText()",
        "hvs.x",
        "EAAA",
        "pk" + "_live_" + MIXED[:24],
        "AC" + HEX[:32],
        "pubkey" + "-" + HEX[:32],
        "pk.eyJ" + MIXED[:20],
        "https://example.com/orders/2026/11/list-of-all-items?page=2&sort=-total_price",
        "01a2041f-4f20-7dd3-923d-2718af5a6ea7",
        HEX[:64],
        HEX[:40] + "-" + HEX[:8],
        "arn:aws:iam::123456789012:role/service-role/my-function-role-abcdefgh",
        "sha256:" + HEX[:64],
        "secret_question_of_the_customer_for_the_account",
        "access-production-environment-and-something",
        "app.config['SQLALCHEMY_TRACK_MODIFICATIONS']",
        "12:34:56.789012345678901234567890123456",
        "r8_something_that_is_long_but_only_words",
        "v1.0-rc1-something-long-enough",
        "pul-ling-and-pushing-something",
    ],
)
def test_what_resembles_a_token_is_kept(text):
    assert found(issuers, text) == []


def test_every_row_has_an_expression_that_a_token_here_needs_and_a_page():
    tokens = [*FORMS.values(), *(before + secret for before, secret in PARTS)]
    for issuer, expression, url in TOKENS:
        search = re.compile(rf"(?<![A-Za-z0-9])(?:{expression})", re.ASCII)
        assert any(search.search(token) for token in tokens), (issuer, expression)
        assert re.fullmatch(r"https://[\w.-]+/\S*", url), url
