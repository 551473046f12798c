"""`sign`: the headers of a request to S3, by AWS Signature Version 4.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from pydantic import SecretStr


@dataclass(frozen=True)
class Credentials:
    """Who signs.

    Attributes:
        access_key: Access key ID.
        secret_key: Secret access key.
        token: Session token of temporary credentials.
    """

    access_key: str
    secret_key: SecretStr
    token: SecretStr | None = None


@dataclass(frozen=True)
class Request:
    """What is signed of a request.

    Attributes:
        method: Such as ``PUT``.
        host: As in the header `Host`.
        path: From the root of the host, not encoded.
        query: Parameters, not encoded.
        body: The content.
    """

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    body: bytes = b""

    @property
    def target(self) -> str:
        """Path and query, encoded."""
        found = quote(self.path, safe="/-_.~")
        return f"{found}?{self.encoded_query}" if self.query else found

    @property
    def encoded_query(self) -> str:
        """The query, encoded and sorted."""
        pairs = sorted(
            (quote(k, safe="-_.~"), quote(v, safe="-_.~")) for k, v in self.query.items()
        )
        return "&".join(f"{name}={value}" for name, value in pairs)


def sign(request: Request, by: Credentials, region: str, now: datetime) -> dict[str, str]:
    """Return the headers that a request needs.

    Args:
        request: The request.
        by: Who signs.
        region: Region of the bucket.
        now: The time, in UTC.
    """
    moment = now.strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(request.body).hexdigest()
    headers = {"host": request.host, "x-amz-content-sha256": digest, "x-amz-date": moment}
    if by.token is not None:
        headers["x-amz-security-token"] = by.token.get_secret_value()
    names = ";".join(sorted(headers))
    canonical = "\n".join(
        (
            request.method,
            quote(request.path, safe="/-_.~"),
            request.encoded_query,
            *(f"{name}:{headers[name]}" for name in sorted(headers)),
            "",
            names,
            digest,
        )
    )
    scope = f"{moment[:8]}/{region}/s3/aws4_request"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashed}"
    key = f"AWS4{by.secret_key.get_secret_value()}".encode()
    for part in (moment[:8], region, "s3", "aws4_request"):
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.digest(key, text.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={by.access_key}/{scope}, SignedHeaders={names}, "
        f"Signature={signature}"
    )
    return headers
