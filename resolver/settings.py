"""What all commands share: where the configuration is, and how an error of ours ends a command."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from resolver.core.errors import ResolverError

if TYPE_CHECKING:
    from resolver.config import Config

T = TypeVar("T")

config_option = click.option(
    "--config",
    "-c",
    "path",
    type=click.Path(path_type=Path),
    envvar="NXWHY_CONFIG",
    help="The configuration file. Without one: 127.0.0.1:5335, the lists that ship, the system's resolvers.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


def load_config(path: Path | None) -> Config:
    """Return the configuration. Raises ConfigError."""
    from resolver.config import default, read

    return default(os.environ) if path is None else read(path, os.environ)


def read_config(path: Path | None) -> Config:
    """Return the configuration, or end the command with every mistake in it."""
    from resolver.config import ConfigError

    try:
        return load_config(path)
    except ConfigError as exc:  # each line begins with file:line:column, for editors
        click.echo(exc, err=True)
        raise click.exceptions.Exit(1) from exc


def progress() -> Callable[[str], None]:
    """Return what shows on a terminal how far long work is; nobody else is bothered with it."""
    if not sys.stderr.isatty():
        return lambda _: None

    def show(said: str) -> None:
        click.echo(f"\r\033[K{said}...", err=True, nl=False)
        if said == "compiling":  # the last that is done
            click.echo("\r\033[K", err=True, nl=False)

    return show


@contextmanager
def waiting(said: str) -> Iterator[None]:
    """Show on a terminal that the server is at work for us, and what at."""
    if not sys.stderr.isatty():
        yield
        return
    click.echo(f"{said}...", err=True, nl=False)
    try:
        yield
    finally:
        click.echo("\r\033[K", err=True, nl=False)


def as_ours(work: Callable[[], T]) -> T:
    """Turn an error of ours into a message and exit status 1."""
    try:
        return work()
    except ResolverError as exc:
        raise click.ClickException(str(exc)) from exc
