"""Deadlines."""

from __future__ import annotations

import asyncio
from typing import Any

from resolver.edge.wheel import Wheel


async def test_a_deadline_that_fails_is_told_and_takes_none_with_it() -> None:
    loop = asyncio.get_running_loop()
    told: list[Any] = []
    loop.set_exception_handler(lambda _, context: told.append(context["exception"]))
    wheel, called = Wheel(loop), loop.create_future()
    problem = RuntimeError("broken")

    def broken(_: int) -> None:
        raise problem

    wheel.after(0.0, broken, 0)
    wheel.after(0.0, called.set_result, 7)
    assert await asyncio.wait_for(called, 10) == 7
    assert told == [problem]
