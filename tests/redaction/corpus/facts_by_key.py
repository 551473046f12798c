"""Facts under keys that resemble secret ones. Each must come back as it is."""

from __future__ import annotations

from typing import Final

from .forms import Form

NAMED: Final = (
    ("session_id", "b7f3c9d2"), ("session_id", "s-17"), ("session", "b7f3c9d2"), ("sid", "a81f"),
    ("sessionid", "x81k2"),
    ("session_key", "k81"), ("auth", "oauth2"), ("auth", "sso"), ("token", "abc"),
    ("token", "word-piece"), ("pin", "board-7"),
    ("pin", "4711"), ("salt", "sea"), ("salt", "himalaya"), ("ip_address", "203.0.113.7"),
    ("client_ip", "203.0.113.7"),
    ("remote_addr", "2001:db8::1"), ("x_real_ip", "198.51.100.3"),
    ("cf_connecting_ip", "198.51.100.3"), ("dsn", "main"),
    ("sentry_dsn", "eu-1"), ("user_pin", "p7"), ("sid", "session-1"), ("session_ref", "r-1"),
    ("oauth", "google"),
    ("x_forwarded_for", "198.51.100.3"), ("auth_group", "staff"), ("session_user", "ann"),
    ("token_text", "hello"),
)  # fmt: skip
"""Weak keys that the route names: it asked for them."""

NUMBERS: Final = (
    ("token", 512), ("tokens", 512), ("session", 7), ("session_id", 17), ("auth", 1), ("pin", 12),
    ("salt", 0.3), ("sid", 9),
    ("otp", 3), ("session_length", 61.5), ("token_price", 0.002), ("auth_ms", 3.25), ("csrf", True),
    ("session", False),
    ("has_password", True), ("password", None), ("secret", False), ("api_key", None),
    ("is_token_valid", True),
    ("session_pin", 0), ("dsn", 2), ("signature", 1), ("tokens_per_second", 31.7),
    ("max_tokens", 4096), ("salt", -1),
)  # fmt: skip
"""Numbers under weak keys; booleans and nothing under any key."""

DESCRIBED: Final = (
    ("auth_provider", "google"), ("auth_provider", "okta"), ("auth_method", "totp"),
    ("session_start", "2026-11-27"), ("session_language", "de"), ("session_channel", "web"),
    ("auth_result", "ok"), ("auth_flow", "pkce"), ("auth_error", "denied"), ("auth_level", "2"),
    ("token_model", "large-2"), ("otp_channel", "sms"), ("boarding_pass", "B-17"),
    ("auth_type", "basic"), ("auth_status", "ok"),
    ("token_count", "1,024"), ("token_count", 17), ("token_type", "bearer"),
    ("token_type", "Bearer"), ("token_cost_usd", 0.0031),
    ("token_cost_usd", "0.0031"), ("token_limit", "4k"), ("token_usage", "72 %"),
    ("session_minutes", 12), ("session_minutes", "12"),
    ("session_count", "3"), ("session_duration_ms", 81), ("session_status", "active"),
    ("session_type", "guest"), ("pass_rate", 0.97),
    ("pass_rate", "97 %"), ("pass_count", "7"), ("otp_attempts", 2), ("otp_attempts", "2"),
    ("otp_method", "sms"), ("pin_attempts", "1"),
    ("mfa_method", "app"), ("mfa_status", "enrolled"),
    ("session_started_at", "2026-11-27T10:00:00Z"), ("token_expires_at", "2026-11-27"),
    ("csrf_status", "ok"), ("jwt_type", "access"), ("salt_type", "sea"), ("dsn_count", "2"),
    ("signature_type", "digital"),
    ("signature_status", "signed"),
    ("prompt_tokens_details", {"cached_tokens": 7, "audio_tokens": 0}),
    ("completion_tokens_details", {"reasoning_tokens": 31, "accepted_prediction_tokens": 1}),
    ("input_tokens_details", {"cached_tokens": 5}),
    ("output_tokens_details", {"reasoning_tokens": 9}),
    ("token_counts", {"prompt": 1, "completion": 2}), ("session_minutes", [1, 2, 3]),
)  # fmt: skip
"""Weak words whose key ends in a word that describes them: facts everywhere."""

RESEMBLING: Final = (
    "goods_name", "load_snapshot", "wait_sec_retry", "ship_address", "client_ipad",
    "discard_number", "service_keywords",
    "secretary", "possession", "authentic", "obsession", "dispassionate", "authored_by", "author",
    "authors", "coauthor",
    "authority", "authoritative", "authenticity_note", "shipping", "pinned", "spinner", "opinion",
    "pinterest", "happiness",
    "tokenizer", "tokenized_text", "passenger", "passengers", "compass", "passage", "passive",
    "bypass", "bypassed", "passport",
    "passport_country", "encompass", "surpassed", "sidebar", "side", "inside", "outside",
    "president", "resident", "residual",
    "basalt", "salty", "asphalt", "exalted", "hotpot", "laptop", "desktop", "option", "adoption",
    "keyboard", "keywords", "key",
    "keys", "primary_key", "foreign_key", "sort_key", "cache_key", "partition_key", "key_count",
    "monkey", "turkey", "donkey", "hockey", "cartesian", "card", "cards", "card_brand", "card_type",
    "discard", "postcard", "cardinality",
    "scorecard", "credit", "credits", "credit_limit", "social", "social_network", "security_level",
    "ip_version", "zip", "zip_code", "shipped",
    "recipe", "script", "equipment", "recipient", "pipeline", "address", "street_address",
    "mac_model",
    "roads_north", "ads_network", "goods_number", "downloads_new", "records_name", "ends_north",
    "classname", "ssnow", "classnumber",
    "cross_number", "glass_name", "process_number", "access_number", "business_name", "pressname",
    "wages_sn", "ibanez",
    "urbane", "turban", "caliban", "mfaq", "sofa_model", "pwdr", "signed_by", "design", "assign",
    "signal", "resign_date",
    "rookie", "bookie", "forwarded", "forward", "remote", "remote_ok", "real_price", "client",
    "client_name", "client_id",
    "hash_rate", "model", "modelling", "secondary", "sector", "section", "sections", "second",
    "seconds", "secs", "insecticide", "consecutive",
    "bearing", "forbearance", "basic", "basics", "digest_of_news", "connection", "connection_count",
    "connections", "string_length", "master",
    "masterclass", "mastery", "signing", "encryption", "encryption_method", "license",
    "license_plate", "service", "services", "service_name",
    "private", "private_room", "account", "account_name", "account_id", "subscription",
    "subscription_id", "database", "database_name", "database_size",
    "mission", "omission", "discussion", "profession", "confession", "recession", "trinidad",
    "user_id", "tenant",
    "route", "total", "currency", "country", "language", "theme", "score", "rank", "rating",
    "weight", "height", "width", "duration_ms",
)  # fmt: skip
"""Names in which a secret word is only letters of other words."""


def _forms() -> list[Form]:
    forms = [Form("weak keys, named", value, name=name) for name, value in NAMED]
    forms += [Form("numbers and booleans", value, name=name) for name, value in NUMBERS]
    for number, (name, value) in enumerate(DESCRIBED):
        place = number % 3
        if place == 0:
            forms.append(Form("described keys", value, name=name))
        elif place == 1:
            forms.append(Form("described keys", value, name=name, named=False))
        else:
            forms.append(Form("described keys", {"usage": {name: value}}))
    for name in (
        "auth_provider", "token_count", "token_cost_usd", "session_minutes", "pass_rate",
        "otp_attempts", "token_type",
        "prompt_tokens_details",
    ):  # fmt: skip
        value = {"cached_tokens": 7} if name.endswith("details") else 5
        forms += [Form("described keys", value, name=name), Form("described keys", [{name: value}])]
    for number, name in enumerate(RESEMBLING):
        value = ("blue", "b-17", ["x", 1], "a b")[number % 4]
        shape = number % 3
        if shape == 0:
            forms.append(Form("resembling keys", value, name=name))
        elif shape == 1:
            forms.append(Form("resembling keys", value, name=name, named=False))
        else:
            forms.append(Form("resembling keys", {"a": [{name: value}]}))
    return forms


FORMS: Final = _forms()
