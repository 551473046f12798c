"""The default patterns of secret keys, in two classes, and the words that make a key a fact.

They cover those of Sentry's scrubber:
https://github.com/getsentry/sentry-python/blob/master/sentry_sdk/scrubber.py
"""

from __future__ import annotations

from typing import Final

STRONG_KEYS: Final[tuple[str, ...]] = (
    # Passwords
    "password", "pass_word", "passwd", "passwort", "passphrase", "pass_phrase", "passcode", "=pass",
    "=pwd", "=pw", "=mysql_pwd", "=secret_answer", "=seed_phrase", "=mnemonic", "=recovery_code",
    "=db_pass", "=user_pass", "=require_pass", "=root_pw", "=bind_pw", "=user_pwd", "=db_pwd",
    "kennwort", "mot_de_passe", "contrasena", "contraseña", "=senha", "=security_answer",
    "=backup_code", "=verification_code",
    # Keys and tokens
    "secret", "credential", "=cred", "api_key", "private_key", "=access_key", "=access_key_id",
    "=signing_key", "=encryption_key", "=encrypt_key", "=decryption_key", "=master_key",
    "=shared_key", "=shared_access_key", "=storage_key", "=service_key",
    "=license_key", "=licence_key", "=ssh_key", "=rsa_key", "=pgp_key", "=gpg_key", "=host_key",
    "=account_key", "=subscription_key", "=auth_key", "=app_key", "=consumer_key", "=deploy_key",
    "=function_key", "=functions_key", "=server_key", "=webhook_key", "=hmac_key", "=aes_key",
    "=application_key", "=fernet_key", "=tls_key", "=ssl_key", "=unseal_key", "=stripe_key",
    "=openai_key", "=anthropic_key", "=sendgrid_key", "=code_verifier", "=device_code",
    "=saml_response", "=saml_assertion", "=client_assertion",
    "access_token", "refresh_token", "=id_token", "auth_token", "bearer_token", "api_token",
    "=bot_token", "session_token", "security_token", "=reset_token", "verification_token",
    "authenticity_token", "personal_access_token", "device_token", "=registration_token",
    "=connection_string", "=connection_str", "=conn_string", "=conn_str",
    # Headers
    "authorization", "authorisation", "cookie",
    # Payment and persons
    "=card_number", "=card_num", "=card_no", "=cc_number", "=cc_num", "=cc_no", "credit_card",
    "=debit_card", "=cvv", "=cvc", "=cvn", "=security_code", "=ssn", "social_security", "=iban",
    "=account_pin", "=card_pin", "=pin_code",
)  # fmt: skip
"""Always masked, also where a route names the variable exactly."""

ADDRESSES: Final[tuple[str, ...]] = (
    "=ip_address", "=ip_addr", "=remote_addr", "=remote_address", "=forwarded_for", "=real_ip",
    "=client_ip", "=client_address", "=connecting_ip", "=remote_ip", "=user_ip", "=source_ip",
    "=peer_ip", "=visitor_ip", "=originating_ip",
)  # fmt: skip
"""Addresses of clients. They are weak."""

WEAK_KEYS: Final[tuple[str, ...]] = (
    "session", "sessid", "=csrf", "=xsrf", "=sid", "=auth", "=oauth", "authentication",
    "=basic_auth", "token", "=jwt",
    "=bearer", "=pin", "=salt", "=otp", "=totp", "=mfa", "=dsn", "=signature", "=sig", "=hmac",
    "symfony",
    "=database_url", "=database_uri", "=db_url", "=db_uri", "=redis_url", "=broker_url",
    "=mongo_url", "=mongo_uri", "=mongodb_uri", "=amqp_url", "=jdbc_url", "=proxy_url",
    *ADDRESSES,
)  # fmt: skip
"""Masked where a pattern caught the variable, and in containers and texts.

Kept where a route names the variable exactly. Numbers and bools are kept.
"""

EXCEPTIONS: Final[tuple[str, ...]] = (
    "!passwordless", "!secretar", "!secretion", "!secretive", "!possession", "!obsession",
    "!tokeniz", "!tokenis", "!tokenomics",
    "!cookie_consent", "!cookie_banner", "!cookie_policy", "!cookie_notice", "!cookiecutter",
    "!pass_rate", "!pass_fail", "!pass_count", "!pass_ratio", "!pass_percent", "!pass_mark",
    "!pass_through", "!pass_key_count", "!boarding_pass", "!season_pass", "!ski_pass",
    "!ratelimit_remaining_tokens", "!ratelimit_limit_tokens", "!ratelimit_reset_tokens",
)  # fmt: skip
"""Harmless words that contain a pattern."""

DESCRIBING: Final = frozenset(
    (
        "age", "algorithm", "amount", "at", "attempt", "attempts", "average", "avg", "begin",
        "budget", "bytes", "category", "cents", "channel", "cost", "costs", "count", "counter",
        "country", "counts", "created", "currency", "date", "days", "detail", "details", "duration",
        "enabled", "end", "ended", "error", "errors", "eur", "expired", "expires", "expiry",
        "failed", "failure", "failures", "flow", "hours", "index", "issuer", "kind", "label",
        "lang", "language", "latency", "left", "len", "length", "level", "lifetime", "limit",
        "limits", "locale", "max", "mean", "method", "methods", "min", "minutes", "mode", "model",
        "ms", "name", "names", "number", "optional", "percent", "platform", "price", "provider",
        "providers", "quota", "rate", "ratio", "reason", "region", "remaining", "required",
        "result", "retries", "scheme", "scope", "scopes", "score", "seconds", "size", "source",
        "start", "started", "status", "step", "strategy", "tier", "total", "ttl", "type", "types",
        "updated", "usage", "usd", "used", "valid", "verified", "version",
    )
)  # fmt: skip
"""Last words of keys that describe a weak thing and are not it: `auth_provider`, `token_count`."""
