"""Credentials are found in headers, after schemes, in URLs, and as keys."""

from __future__ import annotations

import base64
import json

import pytest
from support.finders import found, marked

from flask_chest.redaction.credentials import credentials
from flask_chest.redaction.private_keys import private_keys
from flask_chest.redaction.tokens import json_web_tokens
from flask_chest.redaction.urls import url_passwords, url_signatures

pytestmark = pytest.mark.opens_nothing

MIXED = "aB3dE6gH9jK2mN5pQ8sT" * 10
HEX = "0a1b2c3d4e5f6789" * 10
UUID = "0a1b2c3d-0000-4000-8000-0a1b2c3d4e5f"


# -- Schemes ---------------------------------------------------------------------------------

PAIR = base64.b64encode(b"ann:pass word").decode()
DIGEST = (
    'username="ann", realm="a b", nonce="7ypf/xlj9XXwf", uri="/dir/index.html?a=1,2", qop=auth, '
    'nc=00000001, cnonce="f2/wE4q74E6z", response="6629fae49393a05397450978507c4ef1"'
)
AWS4 = (
    "Credential=KEYID/20261129/us-east-1/iam/aws4_request, "
    f"SignedHeaders=content-type;host;x-amz-date, Signature={HEX[:64]}"
)
HAWK = 'id="dh37fgj492je", ts="1353832234", nonce="j4h3g2", ext="some, ext", mac="6R4rV5iE+NPo="'

AFTER_SCHEME = {
    "Bearer": MIXED[:40],
    "bearer": "abc.def-1",
    "BEARER": "abcdefgh1234",
    "Basic": PAIR,
    "Token": HEX[:40],
    "token": UUID,
    "ApiKey": base64.b64encode(b"VuaCfGcBCdbkQm:ui2lp2axTNmsyak").decode(),
    "Api-Key": "prefix12." + MIXED[:32],
    "Bot": "M" + MIXED[:23] + "." + MIXED[:6] + "." + MIXED[:27],
    "Splunk": UUID,
    "NTLM": "TlRM" + "TVNTUAADAAAAGAAYAGoAAA==",
    "Negotiate": "YIIJvwYGKwYBBQUCoIIJszCCCa+gJDAiBgkqhkiC9x==",
    "SharedKey": "account:" + MIXED[:43] + "=",
    "SharedKeyLite": "account:" + MIXED[:43] + "=",
    "Digest": DIGEST,
    "Hawk": HAWK,
    "MAC": 'id="h480djs93hd8", nonce="dj83hs9s", mac="bhCQXTVyfj5cmA9uKkPFx1zeOXM="',
    "AWS4-HMAC-SHA256": AWS4,
    "OAuth": 'realm="x", oauth_nonce="7d8f3e4a", oauth_signature="bYT5CMsGcbgUdFHObYMEfcx6bsw%3D"',
    "GoogleLogin": "auth=DQAAAGgAbcdef",
    "Signature": 'keyId="k",algorithm="rsa-sha256",headers="date host",signature="Hx0a1b2c3d=="',
    "SharedAccessSignature": "sr=https%3a%2f%2fx&sig=kPA0a1b2c3d%3d&se=1438205742&skn=key",
    "token with parameters": 'token="0123456789", nonce="def"',
}
CREDENTIALS = [
    (scheme.removesuffix(" with parameters"), credential)
    for scheme, credential in AFTER_SCHEME.items()
]


@pytest.mark.parametrize(("scheme", "credential"), CREDENTIALS)
def test_a_credential_after_its_scheme_is_found_in_any_text(scheme, credential):
    for before, after in [("", ""), ("got ", "\n"), ("(", " "), ("said:\t", "\r\nHost: h")]:
        text = f"{before}{scheme} «{credential}»{after}"
        assert marked(credentials, text) == text


@pytest.mark.parametrize(("scheme", "credential"), CREDENTIALS)
@pytest.mark.parametrize(
    "header",
    [
        "Authorization: {}",
        "authorization: {}\r\nHost: h",
        "Proxy-Authorization: {}\nHost: h",
        "X-Authorization:{}",
        "X-Forwarded-Authorization: {}",
        "Authorisation: {}",
        "b'Authorization: {}\\r\\nHost: h'",
    ],
)
def test_in_a_header_the_whole_credential_is_found(header, scheme, credential):
    text = header.format(f"{scheme} «{credential}»")
    assert marked(credentials, text) == text


@pytest.mark.parametrize(("scheme", "credential"), CREDENTIALS)
@pytest.mark.parametrize(
    "form",
    [
        "{{'Authorization': '{}', 'Host': 'h'}}",
        "[('Authorization', '{}'), ('Host', 'h')]",
        "curl -H 'Authorization: {}' https://h/",
        "('HTTP_AUTHORIZATION', '{}')",
        "headers['Authorization'] = '{}'",
        "{{'Authorization': b'{}'}}",
        "{{'authorization' => '{}'}}",
        "authorization='{}', host='h'",
        "[(b'authorization', b'{}'), (b'host', b'h')]",
    ],
)
def test_in_quotes_the_whole_credential_is_found(form, scheme, credential):
    text = form.format(f"{scheme} «{credential}»")
    assert marked(credentials, text) == text


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: «mysecret two words»\nHost: h",
        "Authorization: «Unknown abc, def»\nHost: h",
        '{"Authorization": "«Unknown a b»", "n": 1}',
        '{"authorization":"«a\\"b c»","n":1}',
        '{"h": "{\\"Authorization\\": \\"Bearer «abc»\\", \\"n\\": 1}"}',
        "authorization=Bearer+«abc»&x=1",
        "authorization=«abc»&x=1",
        "Authorization%3A%20Bearer%20«abc»&x",
        "D(authorization=Bearer «abc», n=1)",
        "Authorization: Basic «not-a-pair»",
        "Authorization: Bearer «abc»\nAuthorization: Bearer «def»",
        "Bearer «abc»",
        "headers['Authorization'] = f'Basic «{abc}»'",
        "Basic «OmFiYzEyMw==»",
        "Basic «asO8cmdlbjpww6Rzcw==»",
        "Bearer «s1»",
        "bearer: «abcdefgh1»",
        "Bearer%20«abc.def-1»&x",
        "Bearer «abcdefgh1».",
    ],
)
def test_forms_of_headers(text):
    assert marked(credentials, text) == text


@pytest.mark.parametrize(
    "text",
    [
        "a bearer of bad news",
        "Basic training",
        "2.7.2. Basic Options",
        "def f(token: contextvars.Token[int]): ...",
        "headers['Authorization'] = _basic_auth(user, password)",
        "Basic information about bearers",
        "a basic thing",
        "Token expired",
        "the bot said hello",
        "Bearer token",
        "bearer tokens are refused",
        "The token is_expired was set",
        "unexpected token at position 12",
        "a digest of the news",
        "Digest of a=1",
        "negotiate the price",
        "negotiate internationalization",
        "Splunk and its friends",
        "the API key is missing",
        "hawk eyes see everything",
        "authorization code flow",
        "authorizations",
        "Authorization: Bearer",
        "authorization: null",
        "{'authorization': None}",
        '{"authorization": true, "n": "a"}',
        'WWW-Authenticate: Digest realm="a", qop="auth", nonce="7ypf"',
        "an OAuth2 token",
        "basic HTTP",
        "Basic authentication",
        "Bearer bonds rose by 3 percent",
        "botanical 1234567890",
        "tokenizer v1234567890123456789",
        "mac address",
        "signature verified",
        "OAuth token refreshed",
    ],
)
def test_words_after_the_name_of_a_scheme_are_kept(text):
    assert found(credentials, text) == []


# -- URLs ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "password",
    [
        "pa55",
        "p@ss",
        "p/w",
        "p#w",
        "p?w",
        "p@ss/word",
        "p%40ss",
        "a:b",
        "my pass word",
        "p'w",
        "1234",
        "p&w=1",
        "p;w",
        "\u00fcber",
        "a" * 300,
    ],
)
@pytest.mark.parametrize(
    "url",
    [
        "https://ann:{}@example.com/x?y=1",
        "postgresql://:{}@db.internal:5432/d",
        "redis://:{}@[::1]:6379/0",
        "amqp://ann:{}@localhost//",
        "mongodb://ann:{}@h1:27017,h2:27017/db",
        "see ftp://ann:{}@h.example now",
    ],
)
def test_a_password_in_a_url_is_found_whatever_its_characters(url, password):
    text = url.format(f"«{password}»")
    assert marked(url_passwords, text) == text


@pytest.mark.parametrize(
    "text",
    [
        "clone https://«abcdef»:x-oauth-basic@github.com/a/b.git",
        "clone https://«abcdef»:x-token-auth@bitbucket.org/a/b.git",
        "http://u:«p/w»@host/db",
        "http://u:«p@ss/word»@host/db",
        "https://u:«p»@registry/@scope/package",
        "{'a':'http://u:«p»@h','b':'x@y'}",
        '{"a":"http://u:«p»@h","b":"x@y"}',
        "a://u:«p»@h b://u:«q»@h",
        "next=postgres%3A%2F%2Fu%3A«pw»%40host%2Fx&y",
        "jdbc:oracle:thin:scott/«tiger»@//host:1521/x",
        "jdbc:sqlserver://h:1433;user=a;password=«s» e;x",
        "jdbc:sqlserver://h;user=a;Password=«{a;b»};x=1",
        "jdbc:mysql://h/db?user=a&password=«b»&x=1",
        "ldap://cn=admin,dc=x:«pw»@ldap.example.com/",
        "ann:«pw»@tcp(h:3306)/db?x=1",
    ],
)
def test_forms_of_urls(text):
    assert marked(url_passwords, text) == text


@pytest.mark.parametrize(
    "text",
    [
        "http://host:8080/a?email=x@y.z",
        "http://host:8080?email=x@y.z",
        "http://host:8080 mail x@y.z",
        "http://[::1]:8080/x@y",
        "http://host:/x@y",
        "https://example.com/a:b@c",
        "https://ann@example.com/x",
        "https://example.com:443/@scope/x",
        "http://host:80",
        "ratio 1://2",
        "u=http%3A%2F%2Fh%3A80%2Fx%40y",
        "{'url': 'http://h:80', 'mail': 'a@b.de'}",
        "http://a:80, b@c.de",
        "http://{host}:{port}/",
        "https://medium.com/@ann/a:b",
        "jdbc:postgresql://h:5432/db",
        "a@tcp(h)",
        "http://a,b:80/x@y",
        "https://host:443#x@y",
    ],
)
def test_a_url_without_a_password_is_kept(text):
    assert found(url_passwords, text) == []


@pytest.mark.parametrize(
    "text",
    [
        "https://b/k?X-Amz-Signature=«0a1b»&X-Amz-Expires=1",
        "?X-Amz-Credential=«K%2F2026»&X-Amz-Security-Token=«FwoG%2F»&a=1",
        "?X-Goog-Signature=«0a1b»'",
        "?sv=2022-11-02&se=2026&sp=r&sig=«ab%3D»&x=1",
        "https://h/x?Expires=1&Signature=«abc~»&Key-Pair-Id=K",
        "u=h%3Fsv%3D1%26sig%3D«abc»%26x",
        "sig=abc",
        "design=abc&se=1",
        "signature: Ann&sv=1",
    ],
)
def test_signatures_of_urls_are_found(text):
    assert marked(url_signatures, text) == text


# -- Keys ------------------------------------------------------------------------------------

BODY = "MIIEpAIBAAKCAQEA0a1b2c3d4e5f\nabcdefghijklmnop=="


@pytest.mark.parametrize(
    "kind",
    ["", "RSA ", "EC ", "DSA ", "ENCRYPTED ", "OPENSSH ", "SSH2 ENCRYPTED ", "ANY ", "PGP "],
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\\n", "\\r\\n", "\\\\n", ""])
def test_a_private_key_is_found_as_a_whole(kind, line_end):
    name = f"{kind}PRIVATE KEY" + (" BLOCK" if kind == "PGP " else "")
    body = line_end.join(("Proc-Type: 4,ENCRYPTED", "", *BODY.split("\n")))
    key = line_end.join((f"-----BEGIN {name}-----", body, f"-----END {name}-----"))
    for text in (f"a «{key}» b «{key}»", f"a «{key[:-40]}»", f"a «{key[:-5]}»"):
        assert marked(private_keys, text) == text


@pytest.mark.parametrize("space", ["+", "%20"])
def test_a_private_key_in_a_url_is_found(space):
    key = f"-----BEGIN PRIVATE KEY-----%0A{BODY}%0A-----END PRIVATE KEY-----".replace(" ", space)
    assert found(private_keys, f"?k={key}&x") == [key]


def test_a_private_key_of_ssh_com_and_of_putty_is_found():
    name = "SSH2 ENCRYPTED PRIVATE KEY"
    key = f"---- BEGIN {name} ----\n{BODY}\n---- END {name} ----"
    assert found(private_keys, f"a {key}.") == [key]
    putty = "PuTTY-User-Key-File-3: ssh-rsa\nPublic-Lines: 1\nAAAA\n"
    for text in (
        f"{putty}«Private-Lines: 2\n{BODY}\nPrivate-MAC: {HEX[:64]}»\nx",
        f"{putty}«Private-Lines: 2\n{BODY}»",
    ):
        assert marked(private_keys, text) == text


@pytest.mark.parametrize(
    "text",
    [
        "-----BEGIN PUBLIC KEY-----\nab\n-----END PUBLIC KEY-----",
        "-----BEGIN CERTIFICATE-----\nab\n-----END CERTIFICATE-----",
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\nab",
        "your PRIVATE KEY begins here",
        "private lines: 3",
    ],
)
def test_what_is_no_private_key_is_kept(text):
    assert found(private_keys, text) == []


def encoded(**fields):
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).decode().rstrip("=")


HEADER = encoded(alg="HS256", typ="JWT")
PAYLOAD = encoded(sub="1")
JWT = f"{HEADER}.{PAYLOAD}.c2lnbmF0dXJl"


@pytest.mark.parametrize(
    "text",
    [
        f"«{JWT}»",
        f"see «{JWT}», please",
        f"x«{JWT}»",
        f"«{HEADER}.{PAYLOAD}»",
        f"«{HEADER}.»",
        f"«{encoded(alg='dir')}..iv.text.tag»",
        f"session=«{encoded(user='ann')}.aSmxyz.0a1b2c»; Path=/",
        "eyJ is how they begin",
        encoded(page=2, sort="total"),
    ],
)
def test_json_web_tokens_are_found(text):
    assert marked(json_web_tokens, text) == text
