"""When a list is fetched next, and what is remembered of the fetches before."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

RETRY_S = 60.0
"""Wait after the first failure; it doubles with each one that follows, up to the refresh interval."""
JITTER = 0.1
"""Every wait is longer or shorter by up to this part, so that not all who fetch a list come at once."""
MAX_VALIDATOR = 1024
"""Longest validator kept, in characters; real ones have some forty."""
_MAX_DOUBLINGS = 30


@dataclass(frozen=True, slots=True)
class Validators:
    """What a server gave to recognise a version by (RFC 9110, section 8.8): sent back when asking again."""

    etag: str | None = None
    last_modified: str | None = None


NO_VALIDATORS = Validators()


@dataclass(frozen=True, slots=True)
class FetchState:
    """What is known of a list's fetches. Times are Unix seconds, None: never.

    `origin` says where the content came from and what it was checked by (`FetchRequest.origin`); `sha256` is
    of the content of the last success. `failures` are those since then.
    """

    origin: str
    validators: Validators = NO_VALIDATORS
    sha256: str | None = None
    last_success_s: float | None = None
    last_attempt_s: float | None = None
    failures: int = 0

    def fetched(self, now: float, validators: Validators, sha256: str) -> FetchState:
        """Return the state after new content came."""
        return FetchState(self.origin, validators, sha256, now, now)

    def unchanged(self, now: float, validators: Validators) -> FetchState:
        """Return the state after the server said that the content is as it was."""
        return replace(self, validators=validators, last_success_s=now, last_attempt_s=now, failures=0)

    def failed(self, now: float) -> FetchState:
        """Return the state after a fetch that came to nothing."""
        return replace(self, last_attempt_s=now, failures=self.failures + 1)


def next_fetch(state: FetchState, refresh_s: float, now: float, rng: random.Random) -> float:
    """Return the Unix time of the next fetch, `now` at the earliest. To be asked once after each attempt.

    A list that was never fetched is due at once.
    """
    if state.last_attempt_s is None:
        return now
    wait_s = refresh_s
    if state.failures:
        wait_s = min(RETRY_S * 2 ** min(state.failures - 1, _MAX_DOUBLINGS), refresh_s)
    last = min(state.last_attempt_s, now)  # a clock that was put back does not put the fetch off
    return max(now, last + wait_s * rng.uniform(1 - JITTER, 1 + JITTER))


def usable_validator(text: str | None) -> str | None:
    """Return a validator that can be sent back as it is, or None: too long, or no printable ASCII."""
    if text and len(text) <= MAX_VALIDATOR and text.isascii() and text.isprintable():
        return text
    return None
