"""docs/nxwhy.1 and the command say the same."""

from __future__ import annotations

import re

import click
import pytest

from resolver.cli import main
from resolver.settings import config_option
from tests.servers import ROOT

PAGE = (ROOT / "docs" / "nxwhy.1").read_text()
COMMANDS = PAGE.partition(".SH COMMANDS\n")[2].partition(".SH OPTIONS\n")[0]
OPTIONS = PAGE.partition(".SH OPTIONS\n")[2].partition(".SH EXIT STATUS\n")[0]


def long_options(command: click.Command) -> set[str]:
    return {name for found in command.params for name in found.opts if name.startswith("--")}


def described(text: str) -> set[str]:
    return set(re.findall(r"--[a-z]+", text.replace("\\-", "-")))


def entries() -> dict[str, str]:
    """Return what the page says of each command."""
    texts = [entry.split("\n", 1) for entry in COMMANDS.split(".TP\n")[1:]]
    return {head.split()[1]: text for head, text in texts}


def test_the_page_has_every_command_and_no_other() -> None:
    assert entries().keys() == main.commands.keys()


@pytest.mark.parametrize("name", sorted(main.commands))
def test_the_page_names_the_options_of_a_command_and_no_other(name: str) -> None:
    assert described(entries()[name]) == long_options(main.commands[name])


def test_the_page_explains_every_option_and_no_other() -> None:
    ours = set().union(*[long_options(command) for command in (main, *main.commands.values())])
    assert described(OPTIONS) == ours | {"--help"}


def test_the_page_says_the_defaults_of_options() -> None:
    for command in main.commands.values():
        for found in command.params:
            if isinstance(found, click.Option) and found.show_default:
                default = f"{found.default:g}" if isinstance(found.default, float) else str(found.default)
                assert f"{default} unless it is given" in OPTIONS


def test_the_page_names_the_variable_of_the_configuration() -> None:
    @config_option
    def take() -> None: ...

    (option,) = take.__click_params__  # type: ignore[attr-defined]
    assert f".B {option.envvar}\n" in PAGE
