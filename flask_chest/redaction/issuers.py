"""Find tokens by the prefix that their issuer gives them.

Source: the documentation of each issuer, beside its row of `TOKENS`. The alphabet and the length of
what follows a prefix are from there, or from the examples there; a length is a lower bound, since
issuers lengthen their tokens.
"""

from __future__ import annotations

import re
from typing import Final

from flask_chest.redaction.scan import LOOK, Scan

_SHORTEST: Final = 20

_GITHUB: Final = "https://docs.github.com/authentication/keeping-your-account-and-data-secure/about-authentication-to-github"

# An expression begins with a literal character or with a class, and has no `|` outside of a group.
# If only a part of it is the secret, that part is a group.
TOKENS: Final[tuple[tuple[str, str, str], ...]] = (
    ("1Password", r"ops_eyJ[\w-]{40,}", "https://developer.1password.com/docs/service-accounts/"),
    ("age", r"AGE-SECRET-KEY-1[0-9A-Z]{40,}", "https://age-encryption.org/v1"),
    ("Airtable", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{40,}", "https://airtable.com/developers/web/guides/personal-access-tokens"),
    ("Anthropic", r"sk-ant-[\w-]{20,}", "https://docs.anthropic.com/en/api/overview"),
    ("Atlassian", r"AT[ACS]TT3[\w=-]{30,}", "https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/"),
    ("Atlassian", r"ATBB[A-Za-z0-9]{24,}", "https://support.atlassian.com/bitbucket-cloud/docs/app-passwords/"),
    ("AWS", r"A(?:KIA|SIA|BIA|CCA)[0-9A-Z]{16}(?![0-9A-Za-z])", "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html"),
    ("AWS", r"ABSK[A-Za-z0-9+/]{60,}={0,2}", "https://docs.aws.amazon.com/bedrock/latest/userguide/api-keys.html"),
    ("Azure", r"AccountKey=([A-Za-z0-9+/]{40,}={0,2})", "https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string"),
    ("Azure", r"SharedAccessKey=([A-Za-z0-9+/]{30,}={0,2})", "https://learn.microsoft.com/azure/service-bus-messaging/service-bus-sas"),
    ("Azure", r"[\w.~-]{3}[0-9]Q~[\w.~-]{31,34}(?![\w~-])", "https://learn.microsoft.com/entra/identity-platform/how-to-add-credentials"),
    ("Buildkite", r"bkua_[0-9a-f]{30,}", "https://buildkite.com/docs/apis/managing-api-tokens"),
    ("CircleCI", r"CCIPAT_[A-Za-z0-9]{10,}_[0-9a-f]{30,}", "https://circleci.com/docs/managing-api-tokens/"),
    ("Clojars", r"CLOJARS_[0-9a-z]{40,}", "https://github.com/clojars/clojars-web/wiki/Deploy-Tokens"),
    ("Cloudflare", r"v1\.0-[0-9a-f]{24}-[0-9a-f]{40,}", "https://developers.cloudflare.com/fundamentals/api/get-started/ca-keys/"),
    ("Contentful", r"CFPAT-[\w-]{40,}", "https://www.contentful.com/developers/docs/references/authentication/"),
    ("crates.io", r"cio[A-Za-z0-9]{32}(?![A-Za-z0-9])", "https://doc.rust-lang.org/cargo/reference/registry-authentication.html"),
    ("Databricks", r"d(?:api|ose)[0-9a-f]{32}(?![0-9a-z])(?:-[0-9])?", "https://docs.databricks.com/aws/en/dev-tools/auth/pat"),
    ("DigitalOcean", r"do[opr]_v1_[0-9a-f]{40,}", "https://docs.digitalocean.com/reference/api/create-personal-access-token/"),
    ("Discord", r"[MNO][A-Za-z0-9_-]{23,27}\.[\w-]{6}\.[\w-]{27,40}", "https://docs.discord.com/developers/reference"),
    ("Discord", r"discord(?:app)?\.com/api/(?:v[0-9]{1,2}/)?webhooks/[0-9]{10,20}/([\w-]{20,})", "https://docs.discord.com/developers/resources/webhook"),
    ("Docker", r"dckr_[op]at_[\w-]{20,}", "https://docs.docker.com/security/access-tokens/"),
    ("Doppler", r"dp\.(?:pt|ct|sa|scim|audit|st(?:\.[\w-]{2,35})?)\.[A-Za-z0-9]{30,}", "https://docs.doppler.com/reference/auth-token-formats"),
    ("Dropbox", r"sl\.(?:u\.)?[\w-]{60,}", "https://developers.dropbox.com/oauth-guide"),
    ("Dynatrace", r"dt0[a-z][0-9]{2}\.[A-Z0-9]{8,24}\.[A-Z0-9]{40,}", "https://docs.dynatrace.com/docs/manage/identity-access-management/access-tokens-and-oauth-clients/access-tokens"),
    ("ElevenLabs", r"sk_[0-9a-f]{40,}", "https://elevenlabs.io/docs/api-reference/authentication"),
    ("Figma", r"fig[dou]r?_[\w-]{30,}", "https://developers.figma.com/docs/rest-api/authentication/"),
    ("Flask", r"\.eJ[\w-]{10,}\.[\w-]{6,7}\.[\w-]{27}(?![\w-])", "https://itsdangerous.palletsprojects.com/en/stable/url_safe/"),
    ("Fly.io", r"f(?:m[12]|o1)_[A-Za-z0-9_/+-]{40,}={0,2}", "https://fly.io/docs/security/tokens/"),
    ("GitHub", r"gh[opsur]_[A-Za-z0-9]{20,}", _GITHUB),
    ("GitHub", r"github_pat_\w{20,}", _GITHUB),
    ("GitLab", r"gl(?:pat|dt|rtr?|cbt|ptt|ft|wt|agent|imt|soat|oas|ffct)-[\w-]{16,}[\w.-]*", "https://docs.gitlab.com/security/tokens/#token-prefixes"),
    ("GitLab", r"GR1348941[\w-]{16,}", "https://docs.gitlab.com/security/tokens/#token-prefixes"),
    ("Google", r"AIza[\w-]{30,}", "https://cloud.google.com/docs/authentication/api-keys"),
    ("Google", r"ya29\.[\w.-]{20,}", "https://developers.google.com/identity/protocols/oauth2"),
    ("Google", r"GOCSPX-[\w-]{20,}", "https://developers.google.com/identity/protocols/oauth2"),
    ("Google", r"1//0[\w-]{20,}", "https://developers.google.com/identity/protocols/oauth2"),
    ("Grafana", r"glsa_[A-Za-z0-9]{20,}_[0-9a-f]{8}", "https://grafana.com/docs/grafana/latest/administration/service-accounts/"),
    ("Grafana", r"glc_[A-Za-z0-9+/]{30,}={0,2}", "https://grafana.com/docs/grafana-cloud/security-and-account-management/authentication-and-permissions/access-policies/"),
    ("Groq", r"gsk_[A-Za-z0-9]{30,}", "https://console.groq.com/docs/quickstart"),
    ("HashiCorp", r"hv[bsr]\.[\w-]{20,}", "https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes"),
    ("HashiCorp", r"[bsr]\.(?=[A-Za-z]{0,23}[0-9])(?=[a-z0-9]{0,23}[A-Z])[A-Za-z0-9]{24}(?![\w(])", "https://developer.hashicorp.com/vault/docs/concepts/tokens#token-prefixes"),
    ("HashiCorp", r"[A-Za-z0-9]{14}\.atlasv1\.[\w-]{40,}", "https://developer.hashicorp.com/terraform/cloud-docs/users-teams-organizations/api-tokens"),
    ("Heroku", r"HRKU-[\w-]{30,}", "https://devcenter.heroku.com/articles/authentication"),
    ("HubSpot", r"pat-(?:na|eu|ap)[0-9]-[0-9a-f]{8}-[0-9a-f-]{20,}", "https://developers.hubspot.com/docs/apps/legacy-apps/private-apps/overview"),
    ("Hugging Face", r"hf_[A-Za-z0-9]{24,}", "https://huggingface.co/docs/hub/security-tokens"),
    ("Hugging Face", r"api_org_[A-Za-z0-9]{24,}", "https://huggingface.co/docs/hub/security-tokens"),
    ("LangSmith", r"lsv2_(?:pt|sk)_[0-9a-f]{24,}(?:_[0-9a-f]{8,})?", "https://docs.langchain.com/langsmith/create-account-api-key"),
    ("Linear", r"lin_(?:api|oauth)_[A-Za-z0-9]{30,}", "https://linear.app/developers/graphql"),
    ("Mailchimp", r"[0-9a-f]{32}-us[0-9]{1,2}(?![\w-])", "https://mailchimp.com/developer/marketing/docs/fundamentals/"),
    ("Mailgun", r"key-[0-9a-f]{32}(?![0-9a-z])", "https://documentation.mailgun.com/docs/mailgun/api-reference/mg-auth"),
    ("Mailgun", r"[0-9a-f]{32}-[0-9a-f]{8}-[0-9a-f]{8}(?![\w-])", "https://documentation.mailgun.com/docs/mailgun/api-reference/mg-auth"),
    ("Mapbox", r"sk\.eyJ[\w-]{10,}\.[\w-]{10,}", "https://docs.mapbox.com/accounts/guides/tokens/"),
    ("Meta", r"EAA[A-Za-z0-9]{40,}", "https://developers.facebook.com/docs/facebook-login/guides/access-tokens/"),
    ("Netlify", r"nfp_[A-Za-z0-9]{30,}", "https://docs.netlify.com/api-and-cli-guides/api-guides/get-started-with-api/"),
    ("New Relic", r"NR(?:AK|II|RA)-[\w-]{20,}", "https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/"),
    ("New Relic", r"[0-9a-f]{36}NRAL(?![0-9A-Za-z])", "https://docs.newrelic.com/docs/apis/intro-apis/new-relic-api-keys/"),
    ("Notion", r"ntn_[A-Za-z0-9]{40,}", "https://developers.notion.com/docs/authorization"),
    ("Notion", r"secret_[A-Za-z0-9]{40,}", "https://developers.notion.com/docs/authorization"),
    ("npm", r"npm_[A-Za-z0-9]{30,}", "https://docs.npmjs.com/about-access-tokens"),
    ("NVIDIA", r"nvapi-[\w-]{40,}", "https://docs.nvidia.com/nim/large-language-models/latest/getting-started.html"),
    ("OpenAI", r"sk-(?:proj|svcacct|admin|None)-[\w-]{20,}", "https://platform.openai.com/docs/api-reference/authentication"),
    ("OpenAI", r"sk-[A-Za-z0-9]{20,}", "https://platform.openai.com/docs/api-reference/authentication"),
    ("OpenRouter", r"sk-or-v1-[0-9a-f]{40,}", "https://openrouter.ai/docs/api-reference/authentication"),
    ("PASETO", r"v[1-4]\.(?:local|public)\.[\w-]{20,}(?:\.[\w-]{1,4096})?", "https://github.com/paseto-standard/paseto-spec/blob/master/docs/01-Protocol-Versions/Common.md"),
    ("Perplexity", r"pplx-[A-Za-z0-9]{30,}", "https://docs.perplexity.ai/getting-started/quickstart"),
    ("Plaid", r"access-(?:sandbox|development|production)-[0-9a-f]{8}-[0-9a-f-]{20,}", "https://plaid.com/docs/quickstart/glossary/"),
    ("PlanetScale", r"pscale_(?:tkn|pw|oauth)_[\w.=-]{30,}", "https://planetscale.com/docs/api/reference/service-tokens"),
    ("Postman", r"PMAK-[0-9a-f]{20,}-[0-9a-f]{20,}", "https://learning.postman.com/docs/developer/postman-api/authentication/"),
    ("Pulumi", r"pul-[0-9a-f]{40}", "https://www.pulumi.com/docs/pulumi-cloud/access-management/access-tokens/"),
    ("PyPI", r"pypi-AgE[\w-]{20,}", "https://pypi.org/help/#apitoken"),
    ("Replicate", r"r8_[A-Za-z0-9]{30,}", "https://replicate.com/docs/topics/security/api-tokens"),
    ("RubyGems", r"rubygems_[0-9a-f]{40,}", "https://guides.rubygems.org/api-key-scopes/"),
    ("SendGrid", r"SG\.[\w-]{16,}\.[\w-]{16,}", "https://www.twilio.com/docs/sendgrid/ui/account-and-settings/api-keys"),
    ("Sentry", r"sntry[su]_[A-Za-z0-9+/=_-]{40,}", "https://docs.sentry.io/account/auth-tokens/"),
    ("Shopify", r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}(?![0-9A-Za-z])", "https://shopify.dev/changelog/length-of-the-shopify-access-token-is-increasing"),
    ("Slack", r"xox[a-z](?:\.xox[a-z])?-[\w%-]{10,}", "https://docs.slack.dev/authentication/tokens"),
    ("Slack", r"x(?:app|wfp)-[0-9A-Za-z][\w-]{16,}", "https://docs.slack.dev/authentication/tokens"),
    ("Slack", r"hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/([\w/-]{20,})", "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks"),
    ("Square", r"sq0[a-z]{3}-[\w-]{20,}", "https://developer.squareup.com/docs/build-basics/access-tokens"),
    ("Square", r"EAAA[\w-]{50,}", "https://developer.squareup.com/docs/build-basics/access-tokens"),
    ("Stripe", r"[rs]k_(?:live|test|org_live|org_test)_[A-Za-z0-9]{10,}", "https://docs.stripe.com/keys"),
    ("Stripe", r"whsec_[A-Za-z0-9+/]{20,}={0,2}", "https://docs.stripe.com/webhooks#verify-official-libraries"),
    ("Stripe", r"pi_[A-Za-z0-9]{10,}(_secret_[A-Za-z0-9]{10,})", "https://docs.stripe.com/api/payment_intents/object"),
    ("Stripe", r"seti_[A-Za-z0-9]{10,}(_secret_[A-Za-z0-9]{10,})", "https://docs.stripe.com/api/setup_intents/object"),
    ("Supabase", r"sb(?:p|_secret)_[\w-]{20,}", "https://supabase.com/docs/guides/api/api-keys"),
    ("Tailscale", r"tskey-[a-z]{3,10}-[A-Za-z0-9]{10,}-[A-Za-z0-9]{20,}", "https://tailscale.com/kb/1277/key-prefixes"),
    ("Telegram", r"[0-9]{8,10}:AA[\w-]{30,40}(?![\w-])", "https://core.telegram.org/bots/features#botfather"),
    ("Telegram", r"bot[0-9]{8,10}:(AA[\w-]{30,40})(?![\w-])", "https://core.telegram.org/bots/api#making-requests"),
    ("Twilio", r"SK[0-9a-f]{32}(?![0-9A-Za-z])", "https://www.twilio.com/docs/iam/api-keys"),
    ("Typeform", r"tfp_[\w-]{40,}", "https://www.typeform.com/developers/get-started/personal-access-token/"),
    ("xAI", r"xai-[A-Za-z0-9]{40,}", "https://docs.x.ai/docs/overview"),
)  # fmt: skip
"""Issuer, expression, and where the issuer documents the form."""

# A token stands in a run of these characters, at least as long as the shortest token. Few runs in
# other texts are that long, so few places of a text are compared with the table.
_RUN: Final = re.compile(rf"[A-Za-z0-9_.~+/=:-]{{{_SHORTEST},}}")
# Fast path: a sentence has no such run. Half the time of a search for one.
_SENTENCE: Final = re.compile(rf"(?:[^ ]{{0,{_SHORTEST - 1}}} )*[^ ]{{0,{_SHORTEST - 1}}}")
_LONG: Final = 500
# Of the runs, these are the starts of words, where each comparison with the table costs.
_BORDERS: Final = ("-", "_", ".", "/", "+", "=", ":", "~")
_ESCAPE: Final = re.compile(r"(?<=%)[0-9A-Fa-f]{2}|(?<=\\)(?:[abfnrtv0]|x[0-9a-f]{2}|u[0-9a-f]{4})")
# `sk-learn-something-nice-here` has neither, and is no token.
_NOT_WORDS: Final = re.compile(r"[0-9A-Z]|[a-z]{20}")


def _compiled() -> re.Pattern[str]:
    """Return the table as one expression, by first characters, so that most places are told by one.

    What begins with a class is compared at the start of every word.
    """
    by_first: dict[str, list[str]] = {}
    for _, expression, _ in TOKENS:
        first = expression[0] if expression[0].isalnum() else ""
        by_first.setdefault(first, []).append(expression[len(first) :])
    ways = "|".join(f"{first}(?:{'|'.join(rest)})" for first, rest in by_first.items())
    return re.compile(rf"(?<![A-Za-z0-9])(?:{ways})", re.ASCII)


_TOKEN: Final = _compiled()


def issuers(scan: Scan) -> None:
    """Find tokens that begin as their issuer documents.

    In front of a token is neither a letter nor a digit, but for those of an escape: `%20ghp_...`.
    """
    text = scan.text
    if len(text) < _LONG and _SENTENCE.fullmatch(text):
        return
    if not scan.look(0, 3 * len(text) // 4):
        return
    for run in _RUN.finditer(text):
        start, end = run.span()
        borders = sum(text.count(each, start, end) for each in _BORDERS)
        if not scan.look(start, 3 * LOOK // 2 + end - start + 4 * borders):
            return
        escape = _ESCAPE.match(text, start)
        if escape is not None:
            start = escape.end()
        for token in _TOKEN.finditer(text[start:end]):
            if not scan.look(start):
                return
            if _NOT_WORDS.search(token[0]):
                first, last = token.span(token.lastindex or 0)
                scan.spans.append((start + first, start + last))
