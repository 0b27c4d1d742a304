"""`nxwhy journal`: what was asked lately, by whom, and what came of it and why."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from resolver.settings import as_ours, config_option, json_option, read_config

FOLLOW_S = 0.5
"""How often `--follow` asks for more."""
ASK_S = 10.0
"""Longest wait for a page."""


@click.command()
@click.option(
    "--last",
    "count",
    type=click.IntRange(0, 100_000),
    default=50,
    show_default=True,
    metavar="N",
    help="How many queries.",
)
@click.option("--client", metavar="ADDRESS", help="Only of this client, or of the clients in a network.")
@click.option("--name", metavar="NAME", help="Only for this name and the names below it.")
@click.option("--blocked", is_flag=True, help="Only those that were blocked.")
@click.option("--follow", "-f", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@config_option
@json_option
def journal(
    count: int,
    client: str | None,
    name: str | None,
    blocked: bool,
    follow: bool,
    path: Path | None,
    as_json: bool,
) -> None:
    """Show the last queries: when, who, what, what came of it, and which list decided and why.

    Asks the running server, which keeps queries only where `journal: {queries: memory}` says so.

    \b
    Examples:
      nxwhy journal
      nxwhy journal --blocked --client 192.0.2.7
      nxwhy journal --name corp.example --follow
      nxwhy journal --last 10000 --json | jq -r .name | sort | uniq -c
    """
    from resolver import journaling

    given = {"client": client, "name": name, "blocked": blocked}
    ask = asking(path, given)
    found, number = as_ours(lambda: journaling.last(ask, count))
    _show(found, as_json=as_json, head=True)
    try:
        while follow:
            time.sleep(FOLLOW_S)
            found, number = as_ours(lambda at=number: journaling.newer(ask, at))  # type: ignore[misc]
            _show(found, as_json=as_json)
    except KeyboardInterrupt:  # the way to end it
        pass


def asking(path: Path | None, given: Mapping[str, object]) -> Any:
    """Return what asks the running server of a configuration for a page of the journal."""
    from resolver.edge.control import call
    from resolver.parts import CONTROL_SOCKET

    socket = read_config(path).state / CONTROL_SOCKET
    return lambda **where: call(socket, "journal", ASK_S, **given, **where)


def _show(events: Sequence[Mapping[str, Any]], *, as_json: bool, head: bool = False) -> None:
    from resolver import journaling

    if as_json:
        for event in events:
            click.echo(json.dumps(journaling.json_ready(event), ensure_ascii=False))
        return
    rows = [*[journaling.HEAD] * head, *journaling.rows(events)]
    for line in journaling.lines(rows) if rows else ():
        click.echo(line)
