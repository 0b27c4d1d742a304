"""Where people ask for an exception: what is taken, how much of it, and the file that it is kept in."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from starlette.requests import Request

from resolver.core.clients import network_of, parse_address
from resolver.core.reasons import Reason
from resolver.edge import files
from resolver.web.requests import MAX_BODY, FormFault, Wish, is_ours, make_token, read_form, same_origin

log = logging.getLogger("nxwhy")

FILE = "requests.jsonl"
"""Its name in the state folder."""
MAX_BYTES = 1 << 20
"""Largest file; beyond, the older half of it goes."""
_KEYS = {"time", *Wish.__dataclass_fields__}
WINDOW_S = 3600.0
AGAIN_S = 60.0
"""The same words within so long are the same request."""
MAX_IN_ALL, MAX_EACH = 60, 5
"""How many requests are taken within a window: in all, and of one IPv4 address or IPv6 /64."""


class Taken(NamedTuple):
    """What became of a form: the status, and the phrases that say it."""

    status: int
    heading: str
    detail: str
    headers: dict[str, str]

    @property
    def ok(self) -> bool:
        """Whether the request is kept."""
        return self.status == 202


_TAKEN = Taken(202, "request_taken", "request_taken_text", {})


class Quota:
    """How many requests may still come, in all and from one network."""

    def __init__(self) -> None:
        self._taken: deque[tuple[float, str]] = deque()

    def take(self, network: str, now: float) -> bool:
        """Take one, if there is one left. `now` is monotonic seconds."""
        while self._taken and now - self._taken[0][0] >= WINDOW_S:
            self._taken.popleft()
        each = [by for _, by in self._taken if by == network]
        if len(self._taken) >= MAX_IN_ALL or len(each) >= MAX_EACH:
            return False
        self._taken.append((now, network))
        return True

    def free_in(self, now: float) -> int:
        """Return after how many seconds the oldest no longer counts."""
        return 1 + int(self._taken[0][0] + WINDOW_S - now) if self._taken else 0


class Desk:
    """Takes what people ask for on the page; `secret` signs its forms."""

    def __init__(self, folder: Path, secret: bytes, clock: Callable[[], float] = time.time) -> None:
        self._folder, self._secret, self._clock = folder, secret, clock
        self._quota = Quota()
        self._kept: deque[tuple[float, Wish]] = deque(maxlen=MAX_IN_ALL)
        """What was kept last, and when: who presses the button twice asks once."""
        self._writing = asyncio.Lock()

    def token(self, host: str, client: str) -> str:
        """Return what the form for a host carries, for a client at an address."""
        return make_token(self._secret, host, network_of(parse_address(client)), self._clock())

    async def take(self, request: Request, host: str, client: str, reason: Reason) -> Taken:
        """Read the form in a request for a host that is blocked for a client, and keep what it says."""
        network = network_of(parse_address(client))
        try:
            fields = read_form(await _body(request))
        except FormFault as fault:
            return Taken(400, "request_refused", fault.key, {})
        asked = request.headers
        ours = same_origin(asked.get("sec-fetch-site", ""), asked.get("origin", ""), asked.get("host", ""))
        if not (ours and is_ours(fields.get("token", ""), self._secret, host, network, self._clock())):
            return Taken(403, "request_refused", "request_old", {})
        wish = Wish(host, client, fields["why"], fields.get("reply", ""), reason.list, reason.group)
        async with self._writing:
            now = time.monotonic()
            if wish in [kept for at, kept in self._kept if now - at < AGAIN_S]:
                return _TAKEN
            return await self._keep(wish, network, now)

    async def _keep(self, wish: Wish, network: str, now: float) -> Taken:
        if not self._quota.take(network, now):
            wait = {"Retry-After": str(self._quota.free_in(now))}
            return Taken(429, "request_refused", "request_many", wait)
        try:
            await asyncio.to_thread(append, self._folder, wish, self._clock())
        except OSError as exc:
            log.error("a request for an exception could not be kept: %s", exc)
            return Taken(500, "request_refused", "request_kept", {})
        self._kept.append((now, wish))
        return _TAKEN


async def _body(request: Request) -> bytes:
    """Return the body, of a larger one somewhat more than is taken. Raises FormFault if it breaks off."""
    body = bytearray()
    while len(body) <= MAX_BODY:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise FormFault("request_empty")
        body += message.get("body", b"")
        if not message.get("more_body", False):
            break
    return bytes(body)


def append(folder: Path, wish: Wish, now_s: float) -> None:
    """Add a request to the file in a folder; on disk when this returns. Raises OSError.

    A line that a crash tore is left out when the file is read.
    """
    path = folder / FILE
    asked = datetime.fromtimestamp(now_s, UTC).isoformat(timespec="seconds")
    line = json.dumps({"time": asked, **asdict(wish)}, ensure_ascii=False).encode(errors="replace") + b"\n"
    if files.append(path, line) > MAX_BYTES:
        kept = path.read_bytes()[-MAX_BYTES // 2 :]
        files.replace(path, kept[kept.index(b"\n") + 1 :])


def kept(folder: Path) -> Iterator[dict[str, str]]:
    """Yield the requests in the file of a folder, the oldest first. Raises OSError."""
    try:
        lines = (folder / FILE).read_bytes().split(b"\n")
    except FileNotFoundError:
        return
    for line in lines:
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and found.keys() >= _KEYS:
            yield {str(key): str(value) for key, value in found.items()}
