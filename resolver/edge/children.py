"""Work in a process of its own: what it costs in memory and in time of the interpreter goes with it."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

from resolver.core.errors import ChildError

PACKAGE_ROOT = Path(__file__).resolve().parents[2]
PYTHON = (sys.executable, "-P", "-c")
"""How a child begins; -P keeps the current folder out of its imports."""


async def start_child(program: str, **given: Any) -> asyncio.subprocess.Process:
    """Start a program of ours, with what is given for its descriptors. Raises ChildError."""
    environment = {**os.environ, "PYTHONPATH": python_path(os.environ.get("PYTHONPATH", ""))}
    try:
        return await asyncio.create_subprocess_exec(*PYTHON, program, env=environment, **given)
    except OSError as exc:  # too many processes, or no memory
        raise ChildError(exc.strerror or str(exc)) from exc
    except (RuntimeError, MemoryError) as exc:  # the thread that waits for its end cannot begin
        raise ChildError(str(exc) or "no memory") from exc


async def run_child(program: str, given: bytes, longest_s: float) -> str:
    """Run a program of ours with bytes on its standard input; return what it writes.

    Raises ChildError, with the last line of its standard error, when it fails or takes longer.
    """
    pipe = asyncio.subprocess.PIPE
    process = await start_child(program, stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        async with asyncio.timeout(longest_s):
            out, problem = await process.communicate(given)
    except TimeoutError:
        raise ChildError(f"took longer than {longest_s:.0f} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0:
        last = problem.decode(errors="replace").strip().splitlines()[-1:]
        raise ChildError(last[0] if last else f"ended with status {process.returncode}")
    return out.decode(errors="replace")


def python_path(given: str) -> str:
    """Return where a child finds this package, and all that we find."""
    return os.pathsep.join([str(PACKAGE_ROOT), *[given] * bool(given)])
