"""What people write who ask for an exception, and how a page proves that it is ours (no file, no clock)."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import parse_qsl

from resolver.web.page import MAX_REPLY, MAX_WHY

MAX_BODY = 16384
"""Largest form in bytes: its texts, each character up to 12 of them."""
TOKEN_S = 3600
"""How long a page may be open before it is sent."""
_TOKEN = re.compile(r"([0-9]{1,12})\.([0-9a-f]{64})").fullmatch
_BLANKS = re.compile(r"[\x00-\x20\x7f-\x9f\u2028\u2029]+")


@dataclass(frozen=True, slots=True)
class Wish:
    """An exception that somebody asks for. `client` is an address; `reply` is empty where none was given."""

    host: str
    client: str
    why: str
    reply: str
    list: str
    group: str


class FormFault(ValueError):
    """A form that is not taken; `key` is the phrase that says why."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


def make_token(secret: bytes, host: str, client: str, now_s: float) -> str:
    """Return what a form carries: it holds for one host, one network of clients and an hour."""
    time = str(int(now_s))
    return f"{time}.{_mac(secret, time, host, client)}"


def is_ours(token: str, secret: bytes, host: str, client: str, now_s: float) -> bool:
    """Say whether a token was made for this host and client, and not too long ago."""
    found = _TOKEN(token)
    if found is None or not 0 <= now_s - int(found[1]) + 1 <= TOKEN_S + 1:
        return False
    return hmac.compare_digest(found[2], _mac(secret, found[1], host, client))


def same_origin(site: str, origin: str, host: str) -> bool:
    """Say whether a browser sends a form from the page itself (Sec-Fetch-Site, Origin).

    Empty: it does not say. `host` is the Host header. Over plain HTTP browsers do not send Sec-Fetch-Site,
    but Origin with each form.
    """
    if site not in {"", "same-origin"}:
        return False
    return origin.lower() in {"", f"http://{host.lower()}", f"https://{host.lower()}"}


def read_form(body: bytes) -> dict[str, str]:
    """Return the fields of a form (application/x-www-form-urlencoded), each on one line. Raises FormFault."""
    if len(body) > MAX_BODY:
        raise FormFault("request_empty")
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=8, errors="strict")
    except ValueError:
        raise FormFault("request_empty") from None
    fields = {key: _BLANKS.sub(" ", text).strip() for key, text in pairs}
    if not 0 < len(fields.get("why", "")) <= MAX_WHY or len(fields.get("reply", "")) > MAX_REPLY:
        raise FormFault("request_empty")
    return fields


def _mac(secret: bytes, time: str, host: str, client: str) -> str:
    return hmac.new(secret, f"{time}|{host}|{client}".encode(), sha256).hexdigest()
