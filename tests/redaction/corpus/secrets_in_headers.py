"""Secrets in headers: every scheme of `Authorization`, and headers with a secret name."""

from __future__ import annotations

import base64
import json
from typing import Final

from .forms import HEX, UPPER, Form, made

X: Final = made("credential", 24)
H: Final = made("signature", 32, HEX)
B: Final = base64.b64encode(f"ann:{X}".encode()).decode()
J: Final = ".".join(
    (
        *(
            base64.urlsafe_b64encode(part).decode().rstrip("=")
            for part in (b'{"alg":"HS256"}', b'{"sub":"1"}')
        ),
        X,
    )
)
KEY_ID: Final = "AK" + "IA" + made("key", 16, UPPER)

SCHEMES: Final = (
    # scheme and credential, and what may not be left of it
    (f"Bearer {X}", X),
    (f"bearer {J}", X),
    (f"Basic {B}", B[:16]),
    (f'Digest username="ann", realm="api", nonce="n1", uri="/x", response="{H}", opaque="o1"', H),
    (f'Hawk id="dh37", ts="1353832234", nonce="j4h3g2", ext="some", mac="{H}="', H),
    (f"AWS4-HMAC-SHA256 Credential={KEY_ID}/20260101/us-east-1/s3/aws4_request, SignedHeaders=host;range, Signature={H}", H),
    (f"AWS {KEY_ID}:{X}=", X),
    (f"NTLM TlRMTVNTUAAD{X}", X),
    (f"Negotiate YII{X}==", X),
    (f"Kerberos YII{X}==", X),
    (f"Splunk {X}", X),
    (f"Bot {X}.abc.{H}", H),
    (f"Api-Key {X}", X),
    (f"ApiKey {X}", X),
    (f"Apikey ann:{X}", X),
    (f"Token {X}", X),
    (f'Token token="{X}"', X),
    (f"Key {X}", X),
    (f"JWT {J}", X),
    (f"DPoP {X}", X),
    (f"SSWS {X}", X),
    (f"GenieKey {X}", X),
    (f"GoogleLogin auth={X}", X),
    (f'OAuth oauth_consumer_key="k1", oauth_nonce="n1", oauth_signature="{X}%3D", oauth_version="1.0"', X),
    (f'MAC id="h480", nonce="264095", mac="{X}="', X),
    (f"SharedKey account:{X}=", X),
    (f"SharedAccessSignature sr=h.example.com&sig={X}%3D&se=1767225600&skn=policy", X),
    (f'Signature keyId="rsa-1",algorithm="rsa-sha256",headers="date",signature="{X}="', X),
    (f'UsernameToken Username="ann", PasswordDigest="{X}=", Nonce="n1"', X),
    (f"EG1-HMAC-SHA256 client_token=c1;access_token=a1;timestamp=t1;nonce=n1;signature={X}=", X),
    (f"HMAC-SHA256 {X}", X),
    (f"hmac username=\"ann\", algorithm=\"hmac-sha256\", headers=\"date\", signature=\"{X}\"", X),
    (f"SCRAM-SHA-256 sid=AAAA, data={X}", X),
    (f"HOBA result=\"kid.chal.nonce.{X}\"", X),
    (f"Snowflake Token=\"{X}\"", X),
    (f"Zoho-oauthtoken {X}", X),
    (f"Klaviyo-API-Key {X}", X),
    (f"DeepL-Auth-Key {X}", X),
    (f"Discogs token={X}", X),
    (f"vapid t={J}, k=BA1Hxzyi1RUM1b5wjxsn7nGxAszw2u61m164i3MrAIxH", X),
    (f"PSK {X}", X),
    (f"PoP {X}", X),
    (f"Custom-Scheme {X}", X),
    (X, X),
)  # fmt: skip
"""Schemes of `Authorization`. Sources: IANA's registry of HTTP authentication schemes; the manuals
of AWS, Azure, Discord, Opsgenie, Okta, Splunk, Snowflake, Zoho, Klaviyo, DeepL and Discogs."""

UNMISTAKABLE: Final = (
    "Bearer", "bearer", "Basic", "Digest", "Hawk", "AWS4-HMAC-SHA256", "NTLM", "Negotiate",
    "SharedAccessSignature", "Splunk", "Bot", "Api-Key", "OAuth", "EG1-HMAC-SHA256", "Signature",
)  # fmt: skip
"""Schemes that are found without the name of the header."""

HEADERS: Final = (
    "X-Api-Key", "X-Auth-Token", "PRIVATE-TOKEN", "X-Vault-Token", "X-Amz-Security-Token",
    "X-CSRF-Token", "X-Xsrf-Token", "X-Access-Token", "X-Goog-Api-Key", "Ocp-Apim-Subscription-Key",
    "X-Shopify-Access-Token", "X-GitLab-Token", "X-Plex-Token", "X-Functions-Key", "DD-API-KEY",
    "X-Hub-Signature-256", "Stripe-Signature", "X-Twilio-Signature", "X-Session-Id", "X-MBX-APIKEY",
)  # fmt: skip
COOKIES: Final = (
    "Cookie: theme=dark; sid={x}; lang=de",
    "Cookie: {x}",
    'Cookie: a="x y"; id={x}',
    "Set-Cookie: id={x}; Path=/; HttpOnly; Secure",
    "set-cookie: remember_me={x}; Expires=Wed, 21 Oct 2026 07:28:00 GMT",
    "GET / HTTP/1.1\r\nHost: h\r\nCookie: a=b; c={x}\r\nAccept: */*\r\n\r\n",
)


def _authorization() -> list[Form]:
    family = "authorization"
    forms = []
    for number, (value, secret) in enumerate(SCHEMES):
        quoted = value.replace('"', '\\"')
        contexts = (
            (
                f"GET /x HTTP/1.1\r\nHost: h\r\nAuthorization: {value}\r\nAccept: text/html",
                "Accept: text/html",
            ),
            (
                f"curl -s -H 'Authorization: {value}' https://api.example.com/v1",
                "https://api.example.com/v1",
            ),
            (
                f'curl -H "authorization: {quoted}" https://api.example.com/v1',
                "https://api.example.com/v1",
            ),
            (json.dumps({"headers": {"Authorization": value, "Accept": "text/html"}}), "text/html"),
            (repr({"Proxy-Authorization": value, "Host": "h1"}), "h1"),
            (f"sent Proxy-Authorization: {value}\nok", "ok"),
        )
        for place in sorted({number % len(contexts), (number + 2) % len(contexts)}):
            text, rest = contexts[place]
            forms.append(Form(family, text, (secret,), kept=(rest,)))
        if value.partition(" ")[0] in UNMISTAKABLE:
            forms.append(Form(family + ", scheme alone", value, (secret,)))
            forms.append(
                Form(family + ", scheme alone", f"refused: {value}", (secret,), kept=("refused",))
            )
    return forms


def _headers() -> list[Form]:
    forms = []
    for number, name in enumerate(HEADERS):
        value = made(name, 20)
        shapes: tuple[object, ...] = (
            f"{name}: {value}\r\nHost: h1",
            [(name, value), ("Host", "h1")],
            {name.lower(): value, "host": "h1"},
            [[name.upper(), value], ["Host", "h1"]],
            json.dumps({name: value, "host": "h1"}),
            [(name.lower().encode(), value.encode()), (b"host", b"h1")],
            ((name, value, True), ("Host", "h1", False)),
        )
        chosen = sorted({number % len(shapes), (number * 3 + 1) % len(shapes)})
        forms += [Form("headers with a secret name", shapes[place], (value,)) for place in chosen]
    for number, text in enumerate(COOKIES):
        value = made(text, 20)
        forms.append(Form("cookies", text.replace("{x}", value), (value,)))
        if text[0] in "Cs":
            forms.append(Form("cookies", [(text.partition(":")[0], value, number)], (value,)))
    return forms


FORMS: Final = [*_authorization(), *_headers()]
