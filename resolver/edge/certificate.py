"""The certificate of the notice page's own name."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from resolver.core.errors import PageFault
from resolver.regular import open_regular

TURNS = 8
"""More than a handshake has."""
_NOT_ITS_KEY = frozenset({"KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED"})
"""What OpenSSL says of a key that is not that of the certificate; the last where it is of another kind."""


class KeyFault(PageFault):
    """What is wrong with the key of a certificate that can be taken."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server shows, and the names that it holds for, lowercase; `*.` stands for one label."""

    context: ssl.SSLContext
    names: frozenset[str]

    def covers(self, name: str) -> bool:
        """Say whether it holds for a name, as clients judge it (RFC 9525, section 6.3)."""
        return bool(name) and (name in self.names or f"*.{name.partition('.')[2]}" in self.names)


def read_certificate(certificate: Path, key: Path) -> Certificate:
    """Return a certificate with its chain and key, in PEM.

    Raises PageFault, as for an expired one, and KeyFault where it is the key.
    """
    _look_at(certificate, PageFault)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(certificate)
    except ssl.SSLError as exc:
        raise PageFault(f"{certificate}: no certificate in PEM") from exc
    _look_at(key, KeyFault)
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(
            certificate, key, password=lambda: b""
        )  # or OpenSSL would ask on the terminal
        context.set_alpn_protocols(["http/1.1"])
        return Certificate(context, frozenset(_names(context, certificate)))
    except ssl.SSLCertVerificationError as exc:
        raise PageFault(f"{certificate}: {exc.verify_message}") from exc
    except ssl.SSLError as exc:
        if exc.reason in _NOT_ITS_KEY:
            raise KeyFault(f"{key}: the key is not that of the certificate {certificate}") from exc
        if exc.reason is None:  # all that OpenSSL says of a file without a key that it can read
            raise KeyFault(f"{key}: no key in PEM without a password") from exc
        raise PageFault(f"{certificate} with {key}: {exc.reason}") from exc
    except (OSError, ValueError) as exc:
        raise PageFault(f"{certificate} with {key}: {exc}") from exc


def _look_at(path: Path, fault: type[PageFault]) -> None:
    """Raise a fault that names a file which cannot be read; OpenSSL does not say which of the two it is."""
    try:
        open_regular(path).close()
    except OSError as exc:
        raise fault(f"{path}: {exc.strerror}") from exc


def _names(server: ssl.SSLContext, certificate: Path) -> list[str]:
    """Return the names of a certificate: what a client finds that trusts this one, and is shown it."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    client.load_verify_locations(certificate)
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    near, far = client.wrap_bio(back, there), server.wrap_bio(there, back, server_side=True)
    for _ in range(TURNS):
        done = [_shake(near), _shake(far)]
        if all(done):
            break
    shown: Any = near.getpeercert() or {}
    return [name.lower() for kind, name in shown.get("subjectAltName", ()) if kind == "DNS"]


def _shake(side: ssl.SSLObject) -> bool:
    try:
        side.do_handshake()
    except ssl.SSLWantReadError:
        return False
    return True
