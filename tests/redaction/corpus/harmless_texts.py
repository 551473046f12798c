"""Harmless texts: sentences, log lines, JSON, SQL, URLs, markup, and other languages."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable
from typing import Final, TypeAlias

Draw: TypeAlias = random.Random

NOUNS: Final = (
    "order", "invoice", "basket", "customer", "report", "secretary", "token ring",
    "password manager", "session", "key", "card", "author", "bearer bond", "basic plan",
    "cookie banner", "passenger", "shipment", "keyboard", "salt lake", "hotel", "passport office",
    "credit note", "museum", "bicycle", "printer", "API", "account",
)  # fmt: skip
VERBS: Final = (
    "was sent",
    "is ready",
    "has expired",
    "was updated",
    "could not be found",
    "costs more",
    "arrived late",
    "is open",
    "was closed",
    "needs attention",
)
SENTENCES: Final = (
    "The {n} {v}.", "Your {n} {v} and the {n} {v}.", "Password reset requested by the customer.",
    "The secretary said that the {n} {v}.", "A basic {n} {v}.",
    "Basic {n}s are cheaper than a {n}.", "The bearer of this {n} may enter.",
    "Bearer bonds and a {n}.", "Token economy: why the {n} {v}", "No token was given; the {n} {v}.",
    "Please add salt, pepper and a {n}.", "He forgot his password again, so the {n} {v}.",
    "The session ended after {d} minutes.", "Author: Ann. Title: The {n}.", "Note: the {n} {v}!",
    "PIN pads and {n}s: a comparison", "She keeps a secret about the {n}.",
    "Who has the key to the {n}?", "Auth is hard; the {n} {v}",
    "{d} cookies, {d} cakes and one {n}",
    "Is the {n} authentic?", "He took possession of the {n} in {d}.", "Do you accept credit cards?",
    "The {n} (no. {d}) {v}.", "Question: which {n} {v}? Answer: none.",
    "We met at 10:30; the {n} {v}.", "Re: [{n}] {v}", "ratio = {d}/{d}", "a: {d}, b: {d}",
    "{n} - {n} - {n}", "It's \"the {n}\", isn't it?", "100 % of {n}s; see p. {d}",
)  # fmt: skip


def _words(draw: Draw, template: str) -> str:
    """Fill in a template: nouns, verbs, digits, words and hexadecimal digits."""
    makers: dict[str, Callable[[], str]] = {
        "{n}": lambda: draw.choice(NOUNS),
        "{v}": lambda: draw.choice(VERBS),
        "{d}": lambda: str(draw.randrange(1, 4000)),
        "{w}": lambda: _word(draw),
        "{h}": lambda: f"{draw.getrandbits(32):08x}",
    }
    for mark, make in makers.items():
        while mark in template:
            template = template.replace(mark, make(), 1)
    return template


def _word(draw: Draw) -> str:
    return "".join(draw.choices(string.ascii_lowercase, k=draw.randrange(3, 10)))


def sentence(draw: Draw) -> object:
    return " ".join(_words(draw, draw.choice(SENTENCES)) for _ in range(draw.randrange(1, 4)))


URLS: Final = (
    "https://{w}.example.com:8080/{w}/{d}", "http://{w}:5000/{w}?page={d}&sort=-{w}",
    "https://example.com/@{w}/posts/{d}", "https://ann@{w}.example.com/{w}", "{w}.{w}@example.com",
    "mailto:{w}@example.com",
    "https://example.com/{w}:{d}@{w}", "https://example.com:8443/a?mail={w}@example.com",
    "redis://{w}:6379/{d}", "postgresql://ann@{w}:5432/{w}", "git@github.com:{w}/{w}.git",
    "ssh://git@{w}:22/{w}", "/{w}/{d}/{w}.html",
    "/{w};v={d}/{w}", "https://cdn.example.com/{w}-{h}.js?v={d}", "https://example.com/#{w}-{d}",
    "https://example.com/search?q={w}+{w}+password", "https://example.com/password/reset/help",
    "https://example.com/tokens?type=erc20&page={d}",
    "//{w}.example.com:443/{w}", "file:///home/{w}/{w}.txt", "s3://{w}/{w}/{d}.parquet",
    "https://example.com/{w}%20{w}?x=%3D{d}", "https://maps.example.com/@48.8583701,2.2944813,{d}z",
    "tel:+4930{d}", "https://[2001:db8::1]:8080/{w}",
    "https://example.com/{w}?utm_source={w}&utm_campaign={w}_{d}",
    "https://example.com/authors/{w}", "wss://{w}.example.com/socket",
    "https://example.com/login?next=/{w}/{d}",
)  # fmt: skip


def url(draw: Draw) -> object:
    return _words(draw, draw.choice(URLS))


LOGS: Final = (
    "2026-11-27 10:{d} INFO {w}: {n} {v}", "[{w}] user={w} n={d} ms={d}",
    "level=info msg=\"{n} {v}\" {w}={d}", "10:00:{d} WARNING shop.{w} login failed for ann",
    "GET /{w}/{d} HTTP/1.1 200 {d}", "ERROR {w} failed: KeyError: '{w}'",
    "worker {d}: {n} {v} (pid {d})", "retry {d}/5 in {d} ms: timeout", "cache key={w}:{d} hit",
    "{w}.py:{d}: DeprecationWarning: {w} is deprecated", "request_id={h}-{h} path=/{w} status={d}",
    "prompt_tokens={d} total_tokens={d} model={w}",
    "session closed after {d} s", "token_count={d} pass_rate=0.{d}",
    "W1127 10:00:00.{d}  {d} {w}.go:{d}] {n} {v}",
    "Traceback (most recent call last): File \"{w}.py\", line {d}, in {w}",
    "connected to {w}:{d} as {w}", "<{d}>1 2026-11-27T10:00:00Z {w} app {d} - - {n} {v}",
    "auth_provider=google user={w}", "authenticated {w} by sso in {d} ms",
    "key {w} not found in {w}", "{w}: {w}: {w}: {d}", "{w}={w}, {w}={d}; {w}='{w}'",
    "author={w} pinned=true",
)  # fmt: skip


def log_line(draw: Draw) -> object:
    return _words(draw, draw.choice(LOGS))


def json_text(draw: Draw) -> object:
    usage = {
        "prompt_tokens": draw.randrange(9_000),
        "completion_tokens": draw.randrange(900),
        "prompt_tokens_details": {"cached_tokens": draw.randrange(99)},
    }
    data: object = draw.choice(
        (
            {"id": draw.randrange(10**6), "name": _word(draw), "tags": [_word(draw), _word(draw)]},
            {"author": _word(draw), "pinned": True, "shipping": {"zip": "10115", "city": "Berlin"}},
            {"model": "large-2", "usage": usage},
            [[_word(draw), draw.random()], [_word(draw), None]],
            {"key": _word(draw), "value": draw.randrange(99)},
            {"name": _word(draw), "value": _word(draw)},
            {"type": "FeatureCollection", "features": [{"coordinates": [draw.uniform(-180, 180), draw.uniform(-90, 90)]}]},
            {"error": {"code": 404, "message": _words(draw, "{n} {v}")}},
            {"a": {"b": {"c": [1, 2, {"d": _word(draw)}]}}},
            {"text": _words(draw, draw.choice(SENTENCES))},
            {"url": _words(draw, draw.choice(URLS))},
        )
    )  # fmt: skip
    text = json.dumps(data, indent=draw.choice((None, None, 2)), ensure_ascii=draw.random() < 0.5)
    return json.dumps(text) if draw.random() < 0.2 else text


SQLS: Final = (
    "SELECT * FROM {w} WHERE id = {d}", "SELECT name, password FROM users WHERE id = {d}",
    "UPDATE {w} SET {w} = '{w}', n = {d} WHERE id = {d}",
    "INSERT INTO {w} (id, author) VALUES ({d}, '{w}'), ({d}, '{w}')",
    "DELETE FROM sessions WHERE age > {d}",
    "SELECT COUNT(*) FROM tokens GROUP BY {w}",
    "CREATE TABLE {w} (id INT, password VARCHAR({d}), token TEXT NOT NULL)",
    "ALTER TABLE users ADD COLUMN session_id TEXT",
    "SELECT a.{w} FROM a JOIN b ON a.key = b.key LIMIT {d}",
    "EXPLAIN SELECT 1 FROM {w} WHERE {w} LIKE '%{w}%'",
    "SELECT CASE WHEN n > {d} THEN '{w}' ELSE '{w}' END",
    "BEGIN; UPDATE cards SET n = n + 1 WHERE id IN ({d}, {d}); COMMIT",
    "CREATE INDEX i{d} ON {w} (secretary)", "SELECT \"{w}\" FROM \"{w}\" WHERE \"{w}\" = '{w}'",
    "select max(salt_percent) from {w}",
)  # fmt: skip


def sql(draw: Draw) -> object:
    return _words(draw, draw.choice(SQLS))


def user_agent(draw: Draw) -> object:
    major, minor = draw.randrange(60, 140), draw.randrange(7_000)
    return draw.choice(
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{major}.0.{minor}.{major} Safari/537.36",
            f"Mozilla/5.0 (X11; Linux x86_64; rv:{major}.0) Gecko/20100101 Firefox/{major}.0",
            f"Mozilla/5.0 (iPhone; CPU iPhone OS {major % 20}_3 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E{minor}",
            f"curl/8.{major}.0", f"python-requests/2.{major}.{minor}", f"okhttp/4.{major}",
            f"Go-http-client/{major}.1",
            f"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) v{minor}",
            f"PostmanRuntime/7.{major}.0", f"Shop/{major} (Android 14; SM-S{minor}B; tokenizer/2)",
        )
    )  # fmt: skip


MARKUP: Final = (
    ".{w} {{ color: #{h}; margin: {d}px }}", "<div class=\"{w}\" id=\"{w}-{d}\">{n} {v}</div>",
    "<a href=\"/{w}?page={d}\">{w}</a>",
    "<label for=\"password\">Password</label><input type=\"password\" name=\"pw\" id=\"password\">",
    "<p>{n} {v}</p><!-- {w} -->",
    "a:hover {{ background: url(/{w}/{h}.png) no-repeat }}",
    "<img src=\"/{w}.png\" width=\"{d}\" alt=\"the {n}\"/>",
    "@media (min-width: {d}px) {{ .{w} {{ display: none }} }}",
    "<script src=\"/static/{w}.{h}.js\" defer></script>", "<author>{w}</author><year>{d}</year>",
    "<svg viewBox=\"0 0 {d} {d}\"><path d=\"M{d} {d}L{d} {d}\"/></svg>", "<td>{d}</td><td>{w}</td>",
    "&lt;{w}&gt; &amp; {w}", "<title>Reset your password</title>",
    "grid-template: '{w} {w}' {d}px / auto", "<token-list><item n=\"{d}\"/></token-list>",
)  # fmt: skip


def css_or_html(draw: Draw) -> object:
    return _words(draw, draw.choice(MARKUP)).replace("{{", "{").replace("}}", "}")


OTHERS: Final = (
    "Die Bestellung {d} wurde verschickt.", "Passwort vergessen? Bitte {w} fragen.",
    "Straße {d}, Köln", "Übergrößenträger: {d} Stück", "ご注文 {d} を発送しました", "パスワードをお忘れですか",
    "東京都{d}番地", "注文：{d}点", "🎉 {d} 🎉 {w}", "👩‍👩‍👧 {w} 🍪🍪", "naïve café №{d}", "Цена: {d} ₽",
    "Пароль изменён", "السعر: {d}",
    "가격: {d}원", "价格：{d}元", "ｆｕｌｌ　ｗｉｄｔｈ {d}", "Größe=XL, Menge={d}", "Mot de passe oublié ? {w}",
    "contraseña cambiada {d} veces", "Schlüssel: im Büro {d}", "Geheimnis der {w}", "½ + ¼ = ¾",
    "«{w}» – {d} €", "Ann\u00a0{d}", "x² + y² = {d}",
)  # fmt: skip


def other_language(draw: Draw) -> object:
    return " ".join(_words(draw, draw.choice(OTHERS)) for _ in range(draw.randrange(1, 3)))
