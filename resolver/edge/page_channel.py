"""What the server and the process of its notice page say to each other, over a socket, in frames.

The server pickles what it says. What it hears is JSON, and short: the other side talks to whoever comes.
"""

from __future__ import annotations

import asyncio
import json
import struct
from pathlib import Path
from typing import NamedTuple

from resolver.core.errors import ChildError
from resolver.web.look import PLAIN, Look

MAX_SAID = 16384
"""Longest frame that the server takes, in bytes."""
_SIZE = struct.Struct("!I")


class Listening(NamedTuple):
    """Descriptors of listening sockets: of the page, and of the page over TLS; and what its desk has.

    The secret is that of the forms, so that they hold also when another process shows the page.
    """

    pages: tuple[int, ...]
    encrypted: tuple[int, ...]
    folder: Path
    secret: bytes


class Appearance(NamedTuple):
    """How the page looks, the names by which browsers know us, and files with a certificate and its key."""

    look: Look = PLAIN
    own: frozenset[str] = frozenset()
    certificate: tuple[Path, Path] | None = None


class Showing(NamedTuple):
    """What is to be shown from now on, and the number by which the other side says that it does.

    None changes nothing, and asks for a sign of life.
    """

    number: int
    appearance: Appearance | None


class Stop(NamedTuple):
    """Take no more visits, finish those that are there, and end."""


class Answer(NamedTuple):
    """The answer to a question of a number; `failed` where there is none, which the server has logged."""

    number: int
    value: object
    failed: bool = False


def frame(payload: bytes) -> bytes:
    """Return a payload with its size in front."""
    return _SIZE.pack(len(payload)) + payload


def said(*values: object) -> bytes:
    """Return the frame of what the page's process says."""
    return frame(json.dumps(values).encode())


async def read_frame(reader: asyncio.StreamReader, largest: int = 1 << 32) -> bytes | None:
    """Return the next payload; None at the end. Raises ChildError for one that is too large or cut off."""
    try:
        (size,) = _SIZE.unpack(await reader.readexactly(_SIZE.size))
        if size > largest:
            raise ChildError(f"said {size} bytes at once")
        return await reader.readexactly(size)
    except asyncio.IncompleteReadError as exc:
        if exc.partial:
            raise ChildError("ended within a sentence") from exc
    except ConnectionError as exc:
        raise ChildError(str(exc)) from exc
    return None
