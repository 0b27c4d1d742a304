"""The command line. Parts are imported by the command that needs them: a health check should be quick."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from resolver import __version__
from resolver.core.errors import ResolverError

if TYPE_CHECKING:
    from resolver.config import Config

T = TypeVar("T")

EXAMPLES = """\b
Examples:
  nxwhy serve                                 on 127.0.0.1:5335, with the lists that ship
  nxwhy check --config nxwhy.yaml             every mistake, with file:line:column
  nxwhy explain web.wechat.com                why it is blocked, and by which line
  nxwhy query wechat.com --server 127.0.0.1:5335
  nxwhy lists                                 what each list holds
"""

LONGEST_WAIT_S = 300
"""Longest wait for an answer that may be asked for."""

config_option = click.option(
    "--config",
    "-c",
    "path",
    type=click.Path(path_type=Path),
    envvar="NXWHY_CONFIG",
    help="The configuration file. Without one: 127.0.0.1:5335, the lists that ship, the system's resolvers.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


@click.group(
    epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="nxwhy", message="%(prog)s %(version)s, engine python")
def main() -> None:
    """A DNS resolver that blocks, and says why."""


@main.command()
@config_option
def serve(path: Path | None) -> None:
    """Run the server until it is told to stop (SIGTERM, Ctrl-C).

    SIGHUP and `nxwhy reload` read configuration and lists again; changed files are noticed within 2 seconds.
    """
    from resolver.app import App, raise_open_files
    from resolver.observe.logs import setup_logging

    config = _config(path)
    setup_logging(config.log.level, config.log.format.value, sys.stderr)
    raise_open_files()

    async def run() -> None:
        await App(config, lambda: _read(path)).run()

    try:
        asyncio.run(run())
    except ResolverError as exc:
        raise click.ClickException(str(exc)) from exc


@main.command()
@config_option
def check(path: Path | None) -> None:
    """Say every mistake in the configuration and in the lists, each with file:line:column.

    Ends with status 1 when there is any; warnings alone do not count.
    """
    from resolver.edge.builder import read
    from resolver.parts import list_sources

    config = _config(path)
    for warning in config.warnings:
        click.echo(f"warning: {warning}", err=True)
    wrong = 0
    for source in list_sources(config):
        parsed, error = read(source, None)
        mistakes = (
            [error] if error is not None else [str(mistake) for mistake in parsed.mistakes] if parsed else []
        )
        wrong += len(mistakes)
        for mistake in mistakes:
            click.echo(mistake, err=True)
    if wrong:
        raise click.exceptions.Exit(1)
    click.echo(f"{path or 'the defaults'}: good; {len(config.lists)} lists, engine python")


@main.command()
@click.argument("name")
@click.option("--client", default="127.0.0.1", show_default=True, help="The address of the client who asks.")
@config_option
@json_option
def explain(name: str, client: str, path: Path | None, as_json: bool) -> None:
    """Say why NAME is blocked or not: the full trace, without a server.

    \b
    Examples:
      nxwhy explain wechat.com
      nxwhy explain mail.example --client 192.0.2.7 --config nxwhy.yaml
    """
    from resolver.tracing import trace

    found = _ours(lambda: trace(_config(path), name, client))
    click.echo(json.dumps(found.document(), indent=2, ensure_ascii=False) if as_json else found.text())


@main.command()
@click.argument("name")
@click.argument("qtype", metavar="[TYPE]", default="A")
@click.option(
    "--server", default="127.0.0.1:5335", show_default=True, metavar="HOST:PORT", help="Whom to ask."
)
@click.option("--tcp", is_flag=True, help="Ask over TCP.")
@click.option(
    "--timeout",
    default=5.0,
    show_default=True,
    callback=lambda _context, _option, seconds: _bounded(seconds),
    help="How long to wait, in seconds, up to 300.",
)
def query(name: str, qtype: str, server: str, tcp: bool, timeout: float) -> None:
    """Ask a server for NAME, and print the answer and its reasons.

    Ends with status 1 when no answer comes.

    \b
    Examples:
      nxwhy query wechat.com
      nxwhy query example.com AAAA --server 192.0.2.53:53 --tcp
    """
    from resolver import ask

    click.echo(_ours(lambda: ask.query(name, qtype, server, tcp=tcp, timeout_s=timeout)))


@main.command()
@config_option
@json_option
def lists(path: Path | None, as_json: bool) -> None:
    """Show each list: names, own names (in no other list), bad lines, and why it exists."""
    from resolver.edge import builder
    from resolver.parts import list_sources
    from resolver.tracing import lists_document, lists_text

    build = builder.build(list_sources(_config(path)), None)
    if as_json:
        click.echo(json.dumps(lists_document(build), indent=2, ensure_ascii=False))
    else:
        click.echo(lists_text(build))
    if any(loaded.error for loaded in build.lists):
        raise click.exceptions.Exit(1)


@main.command()
@config_option
def reload(path: Path | None) -> None:
    """Make the running server read configuration and lists again; on any mistake it keeps what it has.

    Ends with status 1 when something was refused.
    """
    from resolver.edge.control import call
    from resolver.parts import CONTROL_SOCKET

    answer = _ours(lambda: call(_config(path).state / CONTROL_SOCKET, "reload", 330.0))
    for name, state in answer["lists"].items():
        click.echo(f"{name}: {state['names']} names" + (f"; {state['error']}" if state["error"] else ""))
    for key in answer["needs_restart"]:
        click.echo(f"`{key}` changed: restart the server to put it in force", err=True)
    if any(state["error"] for state in answer["lists"].values()):
        raise click.exceptions.Exit(1)


def _read(path: Path | None) -> Config:
    from resolver.config import default, read

    return default(os.environ) if path is None else read(path, os.environ)


def _config(path: Path | None) -> Config:
    from resolver.config import ConfigError

    try:
        return _read(path)
    except ConfigError as exc:  # each line begins with file:line:column, for editors
        click.echo(exc, err=True)
        raise click.exceptions.Exit(1) from exc


def _bounded(seconds: float) -> float:
    """Return how long to wait. Raises BadParameter; click.FloatRange would let `nan` pass."""
    if not 0 < seconds <= LONGEST_WAIT_S:
        raise click.BadParameter(f"{seconds:g} is not above 0 and up to {LONGEST_WAIT_S}")
    return seconds


def _ours(work: Callable[[], T]) -> T:
    """Turn an error of ours into a message and exit status 1."""
    try:
        return work()
    except ResolverError as exc:
        raise click.ClickException(str(exc)) from exc
