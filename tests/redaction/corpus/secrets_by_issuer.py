"""Tokens by the documented prefixes of their issuers, private keys, JSON Web Tokens, and cards.

The sources of the prefixes are the issuers' manuals and GitHub's list of supported secrets:
https://docs.github.com/code-security/secret-scanning/introduction/supported-secret-scanning-patterns
"""

from __future__ import annotations

import base64
import string
from typing import Final

from .forms import ALNUM, HEX, UPPER, Form, luhn, made

_URLSAFE: Final = ALNUM + "_"
_B64: Final = ALNUM
_LOWER: Final = string.ascii_lowercase + string.digits

ISSUED: Final = (
    # issuer, prefix (in two parts, so that no scanner takes it for a token), length, letters
    ("GitHub", ("gh", "p_"), 36, ALNUM), ("GitHub", ("gh", "o_"), 36, ALNUM),
    ("GitHub", ("gh", "u_"), 36, ALNUM),
    ("GitHub", ("gh", "s_"), 36, ALNUM), ("GitHub", ("gh", "r_"), 76, ALNUM),
    ("GitHub", ("github", "_pat_"), 82, _URLSAFE),
    ("GitLab", ("gl", "pat-"), 20, ALNUM), ("GitLab", ("gl", "dt-"), 20, ALNUM),
    ("GitLab", ("gl", "rt-"), 20, ALNUM),
    ("GitLab", ("gl", "ptt-"), 40, HEX), ("GitLab", ("gl", "cbt-"), 24, ALNUM),
    ("GitLab", ("gl", "oas-"), 64, HEX),
    ("GitLab", ("gl", "ft-"), 20, ALNUM), ("GitLab", ("gl", "soat-"), 20, ALNUM),
    ("GitLab", ("gl", "agent-"), 50, ALNUM),
    ("GitLab", ("gl", "imt-"), 25, ALNUM), ("GitLab", ("gl", "ffct-"), 20, ALNUM),
    ("GitLab", ("GR134", "8941"), 20, ALNUM),
    ("Slack", ("xo", "xb-"), 48, ALNUM), ("Slack", ("xo", "xp-"), 60, ALNUM),
    ("Slack", ("xo", "xa-2-"), 40, ALNUM),
    ("Slack", ("xo", "xr-"), 40, ALNUM), ("Slack", ("xo", "xs-"), 40, ALNUM),
    ("Slack", ("xo", "xc-"), 40, ALNUM),
    ("Slack", ("xo", "xd-"), 40, ALNUM), ("Slack", ("xo", "xe.xoxp-"), 60, ALNUM),
    ("Slack", ("xa", "pp-1-A0123456789-1234567890123-"), 64, HEX),
    ("Slack", ("https://hooks.slack.", "com/services/T01234567/B01234567/"), 24, ALNUM),
    ("Stripe", ("sk", "_live_"), 24, ALNUM), ("Stripe", ("sk", "_test_"), 24, ALNUM),
    ("Stripe", ("rk", "_live_"), 24, ALNUM),
    ("Stripe", ("rk", "_test_"), 99, ALNUM), ("Stripe", ("wh", "sec_"), 32, ALNUM),
    ("Google", ("AI", "za"), 35, ALNUM), ("Google", ("ya", "29."), 60, ALNUM),
    ("Google", ("GOC", "SPX-"), 28, ALNUM),
    ("Google", ("1/", "/0"), 60, ALNUM),
    ("AWS", ("AK", "IA"), 16, UPPER), ("AWS", ("AS", "IA"), 16, UPPER),
    ("AWS", ("AB", "IA"), 16, UPPER),
    ("AWS", ("AC", "CA"), 16, UPPER),
    ("Azure", ("AccountKey", "="), 86, _B64), ("Azure", ("SharedAccessKey", "="), 43, _B64),
    ("SendGrid", ("S", "G." + made("sendgrid", 22) + "."), 43, ALNUM),
    ("npm", ("np", "m_"), 36, ALNUM), ("PyPI", ("pypi-AgEIcHl", "waS5vcmc"), 150, ALNUM),
    ("Hugging Face", ("h", "f_"), 34, string.ascii_letters),
    ("Hugging Face", ("api", "_org_"), 34, string.ascii_letters),
    ("Telegram", ("1234567", "89:AA"), 33, ALNUM),
    ("OpenAI", ("sk", "-proj-"), 74, ALNUM), ("OpenAI", ("sk", "-svcacct-"), 74, ALNUM),
    ("OpenAI", ("sk", "-admin-"), 74, ALNUM),
    ("OpenAI", ("sk", "-"), 48, ALNUM), ("Anthropic", ("sk", "-ant-api03-"), 93, ALNUM),
    ("Anthropic", ("sk", "-ant-admin01-"), 93, ALNUM),
    ("Anthropic", ("sk", "-ant-oat01-"), 93, ALNUM),
    ("Databricks", ("da", "pi"), 32, HEX), ("DigitalOcean", ("do", "p_v1_"), 64, HEX),
    ("DigitalOcean", ("do", "o_v1_"), 64, HEX),
    ("DigitalOcean", ("do", "r_v1_"), 64, HEX), ("Shopify", ("sh", "pat_"), 32, HEX),
    ("Shopify", ("sh", "pss_"), 32, HEX),
    ("Shopify", ("sh", "pca_"), 32, HEX), ("Shopify", ("sh", "ppa_"), 32, HEX),
    ("Twilio", ("S", "K"), 32, HEX), ("Mailgun", ("ke", "y-"), 32, HEX),
)  # fmt: skip

PRESIGNED: Final = (
    "https://a1.blob.core.windows.net/c/f.txt?sv=2024-08-04&sr=b&sp=r&sig={x}%3D",
    "https://b1.s3.amazonaws.com/f.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=60&X-Amz-Signature={x}",
    "https://b1.s3.amazonaws.com/f.txt?AWSAccessKeyId=k1&Expires=1767225600&Signature={x}",
    "https://storage.googleapis.com/b1/f.txt?X-Goog-Expires=60&X-Goog-Signature={x}",
    "https://d1.cloudfront.net/f.txt?Expires=1767225600&Signature={x}&Key-Pair-Id=K1",
    "SharedAccessSignature=sv=2024-08-04&ss=b&sig={x}%3D",
)


def _issued() -> list[Form]:
    forms = []
    for number, (issuer, parts, length, letters) in enumerate(ISSUED):
        secret = made("".join(parts), length, letters)
        token = "".join(parts) + secret
        part = secret[len(secret) // 2 :]
        shapes: tuple[object, ...] = (
            token,
            f"refused {token}, try again",
            f"/hook/{token}/x",
            {"items": [token, "b"]},
            f"a={token}&b=1",
            f'{{"k": "{token}"}}',
            token.encode(),
        )
        chosen = {0, 1 + number % 6} if "=" not in "".join(parts) else {0, 1}
        forms += [Form(f"tokens of {issuer}", shapes[place], (part,)) for place in sorted(chosen)]
    for template in PRESIGNED:
        secret = made(template, 44)
        forms.append(Form("pre-signed URLs", template.replace("{x}", secret), (secret,)))
        forms.append(
            Form(
                "pre-signed URLs",
                f"see {template} now".replace("{x}", secret),
                (secret,),
                kept=(" now",),
            )
        )
    return forms


def _keys() -> list[Form]:
    body = "\n".join(made(f"line{n}", 64) for n in range(4))
    part, dashes = made("line2", 64), "-" * 5
    blocks = [
        f"{dashes}BEGIN {label}{dashes}\n{body}\n{dashes}END {label}{dashes}"
        for label in (
            *(
                f"{kind}PRIVATE KEY"
                for kind in ("", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED ", "ANY ")
            ),
            "PGP PRIVATE KEY BLOCK",
        )
    ]
    putty = f"PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: c\nPublic-Lines: 1\nAAAA\nPrivate-Lines: 4\n{body}\nPrivate-MAC: {made('mac', 64, HEX)}"
    ssh2 = f"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: c\n{body}\n---- END SSH2 ENCRYPTED PRIVATE KEY ----"
    forms = []
    for block in (*blocks, putty, ssh2):
        one_line = block.replace("\n", "\\n")
        forms += [
            Form("private keys", f"before {block} after", (part,)),
            Form("private keys", f'{{"k": "{one_line}"}}', (part,)),
        ]
    forms += [
        Form("private keys", blocks[0].rpartition("\n")[0], (part,)),  # cut off
        Form("private keys", blocks[1].replace("\n", " "), (part,)),
        Form("private keys", blocks[1].replace("\n", "\r\n").encode(), (part,)),
        Form("private keys", blocks[2].replace("\n", "%0A").replace(" ", "+"), (part,)),
        Form("private keys", [blocks[3]], (part,)),
        Form("private keys", putty.replace("File-3", "File-2").replace("\n", "\r\n"), (part,)),
        Form("private keys", {"file": putty}, (part,)),
        Form("private keys", "\n".join("> " + line for line in blocks[4].split("\n")), (part,)),
    ]
    return forms


def _tokens() -> list[Form]:
    def part(text: str) -> str:
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    secret = made("jwt", 43)
    head, payload = part('{"alg":"HS256","typ":"JWT"}'), part('{"sub":"17","name":"Ann"}')
    token = f"{head}.{payload}.{secret}"
    shapes: tuple[object, ...] = (
        token, f"x{token}", f"see {token}, please", f"/a/{token}/b", token.encode(), [token],
        {"k": token},
        f"{head}..{secret}.{payload}.tag", f"{head}.{payload}.{secret}"[:-5], f"a={token}&b=1",
        {token: 1},
        f'"{token}"', part('{ "alg": "RS256" }') + f".{payload}.{secret}",
        part('{"typ":"JWT"}') + f".{payload}.{secret}",
    )  # fmt: skip
    return [Form("JSON Web Tokens", shape, (secret[:30],)) for shape in shapes]


CARDS: Final = (
    # scheme, digits without the check digit
    ("Visa", "411111111111111"), ("Visa", "40000000000000" + "7"),
    ("Mastercard", "555555555555444"),
    ("Mastercard", "222300312200322"), ("Mastercard", "272099000000000"),
    ("American Express", "37828224631000"),
    ("American Express", "34343434343434"), ("Discover", "601111111111111"),
    ("Discover", "644564456445644"),
    ("Discover", "650000000000000"), ("JCB", "353011133330000"), ("Diners Club", "3056930902590"),
    ("Diners Club", "3852000002323"), ("UnionPay", "620000000000000"),
    ("Maestro", "675964982643845"),
)  # fmt: skip
GAPS: Final = ("", " ", "-", ".", "\u00a0", "\u2013", "\u202f", "\u2011", "/", "_", "  ")


def _cards() -> list[Form]:
    forms = []
    for number, (scheme, digits) in enumerate(CARDS):
        card = luhn(digits)
        sizes = (4, 6, 5) if len(card) == 15 else (4, 6, 4) if len(card) == 14 else (4, 4, 4, 4)
        groups, position = [], 0
        for size in sizes:
            groups.append(card[position : position + size])
            position += size
        wide = "".join(chr(ord(digit) - ord("0") + 0xFF10) for digit in card)
        for place, gap in enumerate(GAPS[:8]):
            if place in {0, 1, 2} or (number + place) % 4 == 0:
                text = gap.join(groups)
                forms.append(
                    Form("cards", (text, f"paid with {text}.", f"card:{text};")[place % 3], (text,))
                )
        if number % 3 == 0:
            forms += [
                Form("cards", int(card), (card,)),
                Form("cards", {"n": [float(card)]}, (card,)),
                Form("cards", f"karte {wide} ok", (wide, card)),
                Form("cards", f"({card})".encode(), (card,)),
                Form("cards", {card: 1}, (card,)),
                Form("cards", f"pay({card!r}, {scheme!r})", (card,)),
                Form("cards", f"/pay/{card}/x", (card,), name="p", place="path"),
            ]
    return forms


FORMS: Final = [*_issued(), *_keys(), *_tokens(), *_cards()]
