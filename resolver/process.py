"""What a process sets for itself: how many files it may open, and how its memory is looked after."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import resource

GC_THRESHOLDS = 10_000, 20, 100
"""When the garbage collector looks for cycles. A miss leaves none, but a cache entry, which stays: by the
defaults (700, 10, 10) it would be looked at again and again."""


def raise_open_files() -> None:
    """Take as many open files as we may have; shells and services begin with 1,024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):  # macOS says that there is no limit, and has one
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def settle_memory() -> None:
    """Take what was just built out of the garbage collector's sight: it stays, and holds no cycles.

    What was needed to build it goes back to the system, where the C library can do that.
    """
    gc.collect()
    with contextlib.suppress(AttributeError):  # of glibc
        ctypes.CDLL(None).malloc_trim(0)
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()  # `serve` begins without it
