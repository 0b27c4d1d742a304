"""`nxwhy lists`: what each list holds, its versions, and what the owner orders about them."""

from __future__ import annotations

import json
from pathlib import Path

import click

from resolver.core.errors import ControlError
from resolver.settings import as_ours, config_option, json_option, progress, read_config, waiting

ORDER_S = 330.0
"""Longest wait for an order: it ends with a build."""


@click.group(invoke_without_command=True)
@config_option
@json_option
@click.pass_context
def lists(context: click.Context, path: Path | None, as_json: bool) -> None:
    """Show each list: names, own names (in no other list), bad lines, hits, and what needs a look.

    LAST is how long ago it blocked last, or would have in shadow; AGE, how long ago it was last found good.

    Asks the running server; without one, shows what it had in force last, or reads the lists.

    \b
    Examples:
      nxwhy lists
      nxwhy lists history ads
      nxwhy lists diff ads 0f3a 91cc
      nxwhy lists rollback ads 0f3a
    """
    context.obj = path
    if context.invoked_subcommand is None:
        _show(path, as_json)


@lists.command()
@click.argument("name", metavar="LIST")
@config_option
@click.pass_context
def history(context: click.Context, name: str, path: Path | None) -> None:
    """Show the versions of a list that were accepted."""
    from resolver.edge import intake
    from resolver.listing import history_text

    config = read_config(path or context.obj)
    _known(config.lists, name)
    click.echo(history_text(intake.history(config.state, name)))


@lists.command()
@click.argument("name", metavar="LIST")
@click.argument("versions", nargs=-1, metavar="[A B]")
@config_option
@click.pass_context
def diff(context: click.Context, name: str, versions: tuple[str, ...], path: Path | None) -> None:
    """Show the rules that were added (+) and removed (-) from version A to B.

    Without A and B: from the version before to the one in force; with A alone: from A to the one in force.
    """
    from resolver.edge import intake
    from resolver.parts import list_sources

    config = read_config(path or context.obj)
    _known(config.lists, name)
    source = next(source for source in list_sources(config) if source.name == name)
    before, after = as_ours(lambda: intake.two_versions(source, config.state, versions))
    for sign, found in (("-", before - after), ("+", after - before)):
        for line in sorted(found):
            click.echo(f"{sign} {line}")
    click.echo(f"{len(after - before):,} added, {len(before - after):,} removed", err=True)


def _order(order: str, doc: str, *, with_version: bool = False) -> None:
    """Add a command that gives the running server an order."""

    def command(context: click.Context, name: str, path: Path | None, version: str = "") -> None:
        from resolver.edge.control import call
        from resolver.parts import CONTROL_SOCKET

        config = read_config(path or context.obj)
        _known(config.lists, name)
        given = {"order": order, "list": name, "version": version}
        with waiting("fetching and building" if order == "refresh" else "building"):
            answer = as_ours(lambda: call(config.state / CONTROL_SOCKET, "order", ORDER_S, **given))
        click.echo(f"{name}: {answer['said']}")
        if answer["error"]:
            click.echo(f"{name}: {answer['error']}", err=True)
            raise click.exceptions.Exit(1)

    made = config_option(click.pass_context(command))
    if with_version:
        made = click.argument("version", metavar="VERSION")(made)
    lists.command(order, help=doc)(click.argument("name", metavar="LIST")(made))


_order(
    "rollback",
    "Put VERSION of a list in force until its source has new content. VERSION may be cut short.",
    with_version=True,
)
_order("pin", "Keep a list as it is, whatever its source says, until `unpin`.")
_order("unpin", "Let a list follow its source again.")
_order("refresh", "Fetch a list now.")
_order("accept", "Take the content of a list that the guards refused last.")


def _show(path: Path | None, as_json: bool) -> None:
    from resolver.journaling import OFF
    from resolver.listing import lists_text

    found, journal = _document(path)
    click.echo(json.dumps(found, indent=2, ensure_ascii=False) if as_json else lists_text(found))
    if journal not in ("", OFF):
        click.echo(f"the journal of queries is {journal}", err=True)
    if any(one["error"] or one.get("fetch_error") for one in found):
        raise click.exceptions.Exit(1)


def _document(path: Path | None) -> tuple[list[dict[str, object]], str]:
    """Return what the running server says of lists, and of its journal if that is on.

    Without a server, what its table says of lists; without that, what we read.
    """
    from resolver.edge.control import call
    from resolver.listing import at_hand, lists_document
    from resolver.parts import CONTROL_SOCKET, record_defaults

    config = read_config(path)
    try:
        said = call(config.state / CONTROL_SOCKET, "lists", 10.0)
        return said["lists"], said.get("journal", "")
    except ControlError:
        pass
    return lists_document(at_hand(config, progress()), {}, record_defaults(config)), ""


def _known(known: object, name: str) -> None:
    if isinstance(known, dict) and name not in known:
        raise click.ClickException(f"{name!r} is no list; there are {', '.join(known)}")
