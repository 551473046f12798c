"""Certificates for tests, made with the `openssl` command."""

from __future__ import annotations

import subprocess
from pathlib import Path


def make_authority(folder: Path, name: str) -> Path:
    """Make a certificate authority in `folder`, and return its certificate."""
    certificate = folder / f"{name}.crt"
    _openssl(
        *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-days", "2", "-subj", f"/CN={name}"),
        *("-keyout", folder / f"{name}.key", "-out", certificate),
    )
    return certificate


def make_certificate(folder: Path, authority: Path, host: str) -> tuple[Path, Path]:
    """Make the certificate of a host name or IP address; return it and its key."""
    key, request, certificate = (folder / f"server.{kind}" for kind in ("key", "csr", "crt"))
    extensions = folder / "extensions"
    kind = "IP" if host.replace(".", "").isdecimal() else "DNS"
    extensions.write_text(f"subjectAltName={kind}:{host}\n")
    _openssl(
        *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
        *("-subj", f"/CN={host}", "-keyout", key, "-out", request),
    )
    _openssl(
        *("x509", "-req", "-in", request, "-CA", authority),
        *("-CAkey", authority.with_suffix(".key"), "-CAcreateserial", "-days", "2"),
        *("-extfile", extensions, "-out", certificate),
    )
    key.chmod(0o644)  # the server is another user
    return certificate, key


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
