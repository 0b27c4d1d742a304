"""The command line. Parts are imported by the command that needs them: a health check should be quick."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import TextIO, TypeVar, cast

import click

from resolver import __version__, native
from resolver.core.errors import ResolverError
from resolver.journal_commands import asking, journal
from resolver.list_commands import lists
from resolver.settings import as_ours, config_option, json_option, load_config, progress, read_config, waiting

T = TypeVar("T")

# we use none of its plugins, and to look for them it reads what every installed package says of itself
os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")

EXAMPLES = """\b
Examples:
  nxwhy serve                                 on 127.0.0.1:5335, with the lists that ship
  nxwhy check --config nxwhy.yaml             every mistake, with file:line:column
  nxwhy explain web.wechat.com                why it is blocked, and by which line
  nxwhy query wechat.com --server 127.0.0.1:5335
  nxwhy lists                                 what each list holds
  nxwhy transparency --output public          what is blocked and why, as pages to publish
  nxwhy journal --blocked                     who was blocked lately, and why
"""

RUNS = "python" if native.problem() else "native"
"""The engine that runs unless the configuration says otherwise."""
LONGEST_WAIT_S = 300
"""Longest wait for an answer that may be asked for."""


class _Command(click.Command):
    """A command that says so where a configuration was named without `--config`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        files = [word for word in args if word.endswith((".yaml", ".yml"))]
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as exc:
            if not (files and "extra argument" in exc.message):
                raise
            raise click.UsageError(f"{exc.message}; is `--config {files[-1]}` meant?", ctx) from exc


class _Group(click.Group):
    command_class = _Command


@click.group(
    cls=_Group,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="nxwhy", message=f"%(prog)s %(version)s, engine {RUNS}")
def main() -> None:
    """A DNS resolver that blocks, and says why."""


@main.command()
@config_option
def serve(path: Path | None) -> None:
    """Run the server until it is told to stop (SIGTERM, Ctrl-C).

    SIGHUP and `nxwhy reload` read configuration and lists again; edits act within three seconds.
    """
    gc.disable()  # what is imported stays; the server turns it on once it serves
    from resolver.app import App
    from resolver.observe.logs import setup_logging
    from resolver.process import raise_open_files

    config = read_config(path)
    setup_logging(config.log.level, config.log.format.value, sys.stderr)
    raise_open_files()

    async def run() -> None:
        await App(config, lambda: load_config(path)).run()

    try:
        asyncio.run(run())
    except ResolverError as exc:
        raise click.ClickException(str(exc)) from exc


@main.command()
@config_option
def check(path: Path | None) -> None:
    """Say every mistake in the configuration and in the lists, each with file:line:column.

    So is what the server would refuse: updates of lists that look wrong, names in `never_block` that a list
    blocks, tests that fail. Ends with status 1 when there is any; warnings alone do not count. They are of
    lists that block without saying why or whom to ask, of reviews that are due, and of patterns and
    signatures for which a package is missing, too.
    """
    from datetime import date

    from resolver import checking
    from resolver.engines import chosen
    from resolver.journaling import said_of
    from resolver.listing import counted
    from resolver.parts import journal_limits

    config = read_config(path)
    engine = as_ours(lambda: chosen(config.engine))
    found = checking.check(config, progress(), date.today())
    for warning in found.warnings:
        click.echo(f"warning: {warning}", err=True)
    for mistake in found.mistakes:
        click.echo(mistake, err=True)
    if found.mistakes:
        raise click.exceptions.Exit(1)
    click.echo(f"{path or 'the defaults'}: good; {counted(len(config.lists), 'list')}, engine {engine}")
    if journal_limits(config) is not None:
        click.echo(f"the journal of queries is {said_of(journal_limits(config))}")


@main.command()
@click.argument("name", callback=lambda _context, _argument, name: _no_url(name))
@click.option("--type", "qtype", default="A", show_default=True, help="The type that is asked for.")
@click.option("--client", default="127.0.0.1", show_default=True, help="The address of the client who asks.")
@config_option
@json_option
def explain(name: str, qtype: str, client: str, path: Path | None, as_json: bool) -> None:
    """Say why NAME is blocked or not: the full trace, without a server.

    \b
    Examples:
      nxwhy explain wechat.com
      nxwhy explain mail.example --type AAAA --client 192.0.2.7 --config nxwhy.yaml
    """
    from resolver.presentation import type_number
    from resolver.tracing import trace

    config = read_config(path)
    with waiting("reading the lists"):
        found = as_ours(lambda: trace(config, name, client, type_number(qtype)))
    click.echo(json.dumps(found.document(), indent=2, ensure_ascii=False) if as_json else found.text())


@main.command()
@click.argument("name", callback=lambda _context, _argument, name: _no_url(name))
@click.argument("qtype", metavar="[TYPE]", default="A")
@click.option(
    "--server",
    default="127.0.0.1:5335",
    show_default=True,
    metavar="ADDRESS[:PORT]",
    help="Whom to ask; on port 53 where none is given.",
)
@click.option("--tcp", is_flag=True, help="Ask over TCP.")
@click.option("--dnssec", is_flag=True, help="Ask for DNSSEC records too.")
@click.option("--structured", is_flag=True, help="Ask for the reason as programs read it.")
@click.option(
    "--timeout",
    default=5.0,
    show_default=True,
    callback=lambda _context, _option, seconds: _bounded(seconds),
    help="How long to wait, in seconds, up to 300.",
)
def query(
    name: str, qtype: str, server: str, tcp: bool, dnssec: bool, structured: bool, timeout: float
) -> None:
    """Ask a server for NAME, and print the answer and its reasons.

    Ends with status 1 when no answer comes.

    \b
    Examples:
      nxwhy query wechat.com
      nxwhy query wechat.com --structured
      nxwhy query example.com AAAA --server 192.0.2.53:53 --tcp
    """
    from resolver import ask

    how = {"tcp": tcp, "dnssec": dnssec, "structured": structured}
    click.echo(as_ours(partial(ask.query, name, qtype, server, timeout_s=timeout, **how)))


@main.command()
@click.argument(
    "names", callback=lambda context, option, name: _opened(name, context, option), metavar="FILE|journal"
)
@click.option(
    "--with",
    "changed",
    type=click.Path(path_type=Path),
    required=True,
    metavar="CONFIG",
    help="The configuration to try.",
)
@click.option("--client", default="127.0.0.1", show_default=True, help="Who asks where FILE does not say.")
@config_option
def replay(names: TextIO | None, changed: Path, client: str, path: Path | None) -> None:
    """Show which names in FILE another configuration would newly block (+) or free (-), and by which list.

    FILE has a name a line, and behind it the client's address if that matters; `-` is standard input, and
    `journal` what the running server has in its journal, with queries and clients counted for each name.
    Lines that cannot be read are left out and told.

    \b
    Examples:
      nxwhy replay seen.txt --with new.yaml --config nxwhy.yaml
      cut -d' ' -f3 queries.log | nxwhy replay - --with new.yaml
      nxwhy replay journal --with new.yaml --config nxwhy.yaml
    """
    from resolver import journaling, replaying
    from resolver.core.clients import parse_address

    try:
        address = parse_address(client)
    except ValueError:
        raise click.BadParameter(f"{client!r} is no address", param_hint="--client") from None
    before, after = read_config(path), read_config(changed)
    queries: replaying.Asked
    if names is None:
        events, _ = as_ours(lambda: journaling.last(asking(path, {}), None))
        queries = replaying.read_journal(events, address)
    else:
        given = names
        read = as_ours(lambda: replaying.read_seen(given, getattr(given, "name", "-"), address))
        for said in read.left_out():
            click.echo(said, err=True)
        queries = read.seen
    old, new = [replaying.policy_of(config, progress()) for config in (before, after)]
    found = list(replaying.changes(old, new, queries))
    for line in found if isinstance(queries, list) else replaying.by_name(found, queries):
        click.echo(line)
    click.echo(replaying.summary(found, queries), err=True)


@main.command()
@click.option(
    "--output",
    "-o",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    required=True,
    metavar="DIR",
    help="The folder to write to; it is made if need be.",
)
@config_option
def transparency(folder: Path, path: Path | None) -> None:
    """Write which lists block, why and since when, for publishing: index.html and transparency.json.

    It is what the server itself shows at /transparency, and holds no name that is on a list. It is made from
    the configuration and what the server had in force last, or the lists; no server needs to run.

    \b
    Example:
      nxwhy transparency --output /srv/www/dns --config /etc/nxwhy/nxwhy.yaml
    """
    from resolver.listing import at_hand
    from resolver.publishing import publish

    config = read_config(path)
    try:
        written = publish(config, at_hand(config, progress()), folder)
    except OSError as exc:
        raise click.ClickException(f"{folder}: {exc.strerror or exc}") from exc
    for file in written:
        click.echo(file)


@main.command()
@config_option
@json_option
def requests(path: Path | None, as_json: bool) -> None:
    """Show what people asked for on the notice page, the newest last.

    Each asks for an exception: an `allow` list in the configuration makes one. Needs no server that runs.
    """
    from resolver.edge.desk import kept

    config = read_config(path)
    try:
        found = list(kept(config.state))
    except OSError as exc:
        raise click.ClickException(f"{exc.filename}: {exc.strerror}") from exc
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    if not found:
        off = "the notice page has no form to ask by; `notice.requests: true` puts it there"
        click.echo("nobody asked for anything yet" if config.notice.requests else off, err=True)
    for one in found:
        reply = f"; answer to {one['reply']}" if one.get("reply") else ""
        said = f"{one['time']} {one['host']} for {one['client']} (list {one['list']}): {one['why']}{reply}"
        click.echo("".join([char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in said]))


@main.command()
@config_option
def reload(path: Path | None) -> None:
    """Make the running server read configuration and lists again; on any mistake it keeps what it has.

    Ends with status 1 when something was refused.
    """
    from resolver.edge.control import call
    from resolver.listing import counted
    from resolver.parts import CONTROL_SOCKET

    folder = read_config(path).state
    with waiting("building"):
        answer = as_ours(lambda: call(folder / CONTROL_SOCKET, "reload", 330.0))
    for name, state in answer["lists"].items():
        said = [counted(state["names"], "name")]
        if state["bad_lines"]:
            said.append(f"{counted(state['bad_lines'], 'bad line')}, which `nxwhy check` shows")
        said += [text for text in (state["held"], state["error"]) if text]
        click.echo(f"{name}: {'; '.join(said)}")
    for key in answer["needs_restart"]:
        click.echo(f"`{key}` changed: restart the server to put it in force", err=True)
    if any(state["error"] for state in answer["lists"].values()):
        raise click.exceptions.Exit(1)


def _no_url(name: str) -> str:
    """Return a name as it was given. Raises BadParameter for a URL, which could pass for an odd name."""
    if "://" in name:
        raise click.BadParameter(f"{name!r} is a URL; write the name in it alone, as www.example")
    return name


def _opened(name: str, context: click.Context, option: click.Parameter) -> TextIO | None:
    """Return an open file of names, None for the journal. Raises BadParameter."""
    if name == "journal":
        return None
    kind = click.File(encoding="utf-8", errors="surrogateescape")
    return cast(TextIO, kind.convert(name, option, context))


def _bounded(seconds: float) -> float:
    """Return how long to wait. Raises BadParameter; click.FloatRange would let `nan` pass."""
    if not 0 < seconds <= LONGEST_WAIT_S:
        raise click.BadParameter(f"{seconds:g} is not above 0 and up to {LONGEST_WAIT_S}")
    return seconds


main.add_command(lists)
main.add_command(journal)
