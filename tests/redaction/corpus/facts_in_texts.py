"""Facts that resemble secrets by their form. Each must come back as it is."""

from __future__ import annotations

import json
from typing import Final

from .forms import Form, facts, luhn

PROSE: Final = (
    "a basic thing", "Basic information about bearers", "The bearer of good news",
    "basic auth is off", "bearer of arms", "Basic English for all",
    "token ring network", "the token was refreshed", "Token economy: an overview",
    "password reset requested", "Password changed", "forgot password?",
    "your password has expired", "password must have 8 characters", "the secretary of state",
    "secret garden", "an open secret", "Secret Santa: 24 December",
    "session ended", "session closed after 12 minutes", "the key is under the mat",
    "api key rotated", "no api key given", "passphrase is required",
    "digest of the week", "negotiate a price", "hawk and dove", "key: value",
    "time: 12:00, author: Ann", "note: the password is wrong",
    "PIN pad not found", "salt and pepper", "add salt, then stir", "card declined",
    "credit card accepted", "cookie banner shown", "cookies are tasty",
    "eyJ is how they begin", "AKIA is a prefix", "sk- is a prefix", "ghp_ is a prefix",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    "https://example.com/password/reset", "https://example.com/login?next=/account",
    "tokens and cards: see the docs", "401 Unauthorized: no credentials",
    "WWW-Authenticate: Basic realm=\"shop\"", "Authentication failed", "authorization pending",
    "invalid_grant: bad request", "grant_type=client_credentials", "token_type=bearer",
    "scope=openid%20email", "access denied", "key not found: user",
    "ssh -p 22 h1", "mkdir -p a/b", "cp -p a b", "docker run -p 8080:80 web",
    "docker run -u 1000:1000 web", "grep -a x f", "ls -la", "tar -pxf a.tar",
    "nmap -p 80 h1", "useradd -u 1001 ann", "sort -u f", "psql -p 5432 -U ann",
    "redis-cli -p 6379 ping", "python -u app.py", "ps -p 17",
    "SELECT password FROM users", "SELECT COUNT(token) FROM t WHERE n = 1",
    "ALTER TABLE users ADD COLUMN password TEXT", "DROP TABLE sessions",
    "CREATE TABLE users (id INT, password VARCHAR(60))", "SELECT a FROM t WHERE pinned = 'yes'",
    "UPDATE t SET author = 'ann' WHERE id = 7",
    "INSERT INTO t (author, title) VALUES ('ann', 'b')",
    "SELECT id FROM secretaries WHERE name = 'bob'", "<label>Password</label>",
    "<author>ann</author>",
    "<input type=\"password\" name=\"pw1\">", "<p>Your password</p>", "<a href=\"/session\">x</a>",
    "<title>Tokens and cards</title>", "<pinned>yes</pinned>",
)  # fmt: skip

NUMBERS: Final = (
    "20261127162000", "20260101000000", "19991231235959", 20261127162000, 1764260000000,
    1764260000000000, 1764260000000000000, "1764260000000",
    "1764260000000000", "1764260000000000000", "175928847299117063", 175928847299117063,
    "1541815603606036480", "1234567890123456789012",
    "0511223344556677", "9780306406157", "4006381333931", "4012345123456", "14006381333938",
    "978-3-16-148410-0", "352099001761481", "356938035643809",
    "35-209900-176148-1", "49.015420123456", "48.8583701", "2.2944813",
    "48.858370100000, 2.294481300000", "-33.856784000000,151.215297000000", 48.8583701,
    "52.520006599999 13.404953999999", "geo:37.786971,-122.399677", "+49 30 1234567",
    "+1 (555) 012-3456", "0049301234567", "555.123.4567",
    "192.168.100.200", "10.0.0.1:8080", "2001:db8::8a2e:370:7334", "4111 1111 1111 1112",
    "4111111111111112", "a4111111111111111", "4111111111111111a",
    "41111111111111112222", "1.4111111111111111", "4111111111111111.5", "v4111-1111-1111-1111x",
    "0000000000000000", "1111111111111111",
    "1Z999AA10123456784", "9400110200881234567890", "114-3941689-8772232", "INV-2026-0012345",
    "RE2026/11/000017", "DE89", "12:34:56.789012", "2026-11-27T16:20:00.123456Z",
    "2026-11-27", "1,234,567.89", "1 234 567 890", "3.141592653589793", 3.141592653589793, 1e300,
    2**63 - 1, -(2**62), 0, -1, 12.5, True, None, 299792458,
    "5.4.3.2.1", "1.2.3-rc.4+build.5", "100000000000000", "1e16", "0x4111111111111111",
    luhn("999999999999999"), luhn("100000000000000"),
)  # fmt: skip

IDS: Final = (
    "01a2041f-4f20-7dd3-923d-2718af5a6ea7", "4f3a1c22-3530-1113-3330-000041111111",
    "41111111-1111-4111-8111-111111111111", "01ARZ3NDEKTSV4RRFFQ69G5FAV",
    "/orders/4f3a1c22-3530-4113-8330-000041111111", "/o/41111111-1111-4111-8111-111111111111/items",
    "d41d8cd98f00b204e9800998ecf8427e",
    "da39a3ee5e6b4b0d3255bfef95601890afd80709",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "4111111111111111e3b0c44298fc1c14",
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC",
    "main.8f3a1c22.js", "W/\"5d41402abc4b2a76\"", "cus_NffrFeUfNV2Hib", "req_8KcNDd2rMfyQ1x",
    "evt_1NG8Du2eZvKYlo2CUI79vXWy", "pi_3MtwBwLkdIwHu7ix28a3tqPa",
    "task-0123456789abcdefghijkl", "risk-0123456789abcdefghijkl", "disk-abcdefghijklmnopqrstuvwxyz",
    "hf_model", "npm_install", "do_not_disturb_v1_x",
    "shpat", "sk_id", "pk_live_is_public", "AKIA", "AROA", "key-value", "key-board-shortcut",
    "dapi", "SG.1", "xoxo", "xoxo-kisses-and-hugs", "SKU1234567890",
    "SKIN-1234", "whsec", "ya29", "glpat", "1//2", "2026/11/27", "0123456789abcdef0123456789abcdef",
    "4bf92f3577b34da6a3ce929d0e0e4736",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "507f1f77bcf86cd799439011",
    "dQw4w9WgXcQ", "B00005N5PF", "arn:aws:s3:::bucket/key", "urn:isbn:9780306406157",
    "com.example.App", "projects/p1/secrets/s1", "refs/heads/main", "a.b.c.d", "eyJ",
    "eyJob.is.done", "QWxhZGRpbg==", "SGVsbG8gd29ybGQ=",
)  # fmt: skip

URLS: Final = (
    "https://example.com:8080/x@y", "https://example.com/a:b@c",
    "https://example.com/@ann/posts/1:2", "http://h1:5000/a?b=c:d@e", "https://ann@example.com/",
    "postgresql://ann@h1:5432/d", "postgresql://h1/d", "redis://h1:6379/0",
    "ssh://git@github.com:22/a/b.git", "git@github.com:a/b.git",
    "mailto:ann@example.com", "ann@example.com", "https://h1/?page=2&sort=-total",
    "/orders/7?page=2&sort=-total", "https://h1/a?author=ann&pinned=1",
    "https://h1/a?q=password+reset", "https://h1/a?q=basic%20token", "https://h1/#section-2",
    "https://maps.example.com/@48.8583701,2.2944813,17z",
    "https://h1/?utm_source=a&utm_medium=b", "//cdn.example.com:443/x.js", "file:///etc/hosts",
    "data:image/png;base64,iVBORw0KGgo=", "tel:+49301234567",
    "https://h1/a/b/c.html?x=1;y=2", "https://[2001:db8::1]:8080/a",
    "urn:uuid:01a2041f-4f20-7dd3-923d-2718af5a6ea7", "chrome-extension://abc/def.html",
    "https://h1:8443/a and mail bob@example.com", "see http://h1:80/x, ask ann@example.com",
    "https://h1/users/ann@example.com/posts", "http://h1:80/a?mail=b@c.d",
)  # fmt: skip

DATA: Final = (
    json.dumps({"user": "ann", "n": 7, "tags": ["a", "b"]}),
    json.dumps({"author": "ann", "pinned": True, "token_count": 3}),
    json.dumps({"key": "a", "value": "b"}),
    json.dumps(json.dumps({"a": 1})), repr({"a": 1, "b": [1, "x"]}), repr([("a", 1), ("b", 2)]),
    "User(name='ann', n=3)", "<User 7>", "a=1&b=2", "a: 1\nb: 2",
    "[section]\nname = a", "name,price\na,1", {"a": {"b": ["c", 1, None]}},
    [["a", "b"], ["c", "d"]], [("Host", "h1"), ("Accept", "*/*")], {"name": "HOST", "value": "h1"},
    {"name": "color", "value": "blue"}, {"key": "size", "value": "XL"}, ["app", "-p", "8080"],
    ["docker", "run", "-p", "80:80", "web"], ["mkdir", "-p", "a/b"],
    ["ssh", "-p", "22", "h1"], ["cp", "-pr", "a", "b"], ["curl", "-s", "https://h1/"],
    ["python", "-u", "a.py"], ["ls", "--author"], ("basic", "bearer"),
    ["session", "token", "password", "pin", "x"], {"tags": ["secret", "auth", "x"]}, ["password"],
    {"columns": ["id", "password", "email", "name"]},
    {"steps": ["login", "password", "otp"]}, [["x", 1], ["y", 2]], ("a", "b", "c"), {"1": 2},
    {"usage": {"prompt_tokens": 7, "total_tokens": 9}},
    {"model": "large-2", "usage": {"input_tokens": 5, "output_tokens": 6}},
    "{'usage': {'prompt_tokens': 7, 'total_tokens': 9}}", "prompt_tokens=512&total_tokens=700",
    "tokens: 512", "token_count=17", "max_tokens=4096 temperature=0.7", "session_minutes: 12",
    "auth_provider=google", "pass_rate=0.97", "{\"token_type\": \"bearer\"}",
    "10:00:00 INFO login ok user=ann n=3", "level=info msg=\"session closed\" ms=12",
    "GET /a?b=c HTTP/1.1 200 17", "Traceback: KeyError: 'user'",
    "Content-Type: application/json\r\nHost: h1",
    "Content-Disposition: form-data; name=\"file\"; filename=\"a.txt\"",
    "Accept: text/html, */*;q=0.8", "password={}", "tokens=[]", "sessions=3", "token:read",
    {"permission": "token:read"}, {"usage": {"prompt_tokens": "512", "total_tokens": "1,024"}},
    {"x-ratelimit-remaining-tokens": "149984", "x-ratelimit-reset-tokens": "6m0s"},
    {"max_sessions": "5"}, {"path": "/token/refresh", "data": "x"}, {"field": "color", "new": "red"},
    ["mysql", "-h", "db1"], ["docker", "run", "-p", "80:80"], "https://ann@example.com/",
    "SELECT a FROM t WHERE id = ?]\n[parameters: (7,)]", "Key (email)=(a) already exists",
    "Duplicate entry 'a' for key 'users.email'",
)  # fmt: skip

FORMS: Final = [
    *facts("prose and commands", PROSE),
    *facts("numbers", NUMBERS),
    *facts("IDs and hashes", IDS),
    *facts("URLs and addresses", URLS),
    *facts("data without secrets", DATA),
    *(
        Form("path", path, place="path")
        for path in (
            "/orders/7", "/o/4f3a1c22-3530-4113-8330-000041111111", "/password/reset",
            "/session/new", "/tokens", "/a/20261127162000", "/@ann/posts",
            "/isbn/9780306406157", "/imei/352099001761481", "/api/v1/auth/login", "/key/a:b",
            "/x/1764260000000", "/s/1541815603606036480", "/a=b/c",
        )
    ),
    *(
        Form("request_id", text, place="request_id")
        for text in (
            "01a2041f-4f20-7dd3-923d-2718af5a6ea7", "Root=1-67891233-abcdef012345678912345678",
            "4bf92f3577b34da6a3ce929d0e0e4736", "req-1764260000000",
            "20261127162000", "1541815603606036480", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "a:b:c",
            "shop/17", "session-17",
        )
    ),
    *(Form("error", name, place="error") for name in ("TokenExpired", "PasswordTooShort", "SessionError", "AuthError", "KeyMissing")),
]  # fmt: skip
