"""docs/configuration.md: its examples are read, its table has every key, its output is what is printed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from resolver.cli import main
from resolver.config import Config, ConfigError, load
from tests.deployed import ROOT

TEXT = (ROOT / "docs/configuration.md").read_text()
BLOCKS = re.findall(r"(?:<!-- (\w+) -->\n)?```(\w*)\n(.*?)\n```", TEXT, re.DOTALL)
ROWS = {
    row[0]: [cell.strip() for cell in row[1:]]
    for row in re.findall(r"^\| `([\w.]+)` \|(.*?)\|(.*?)\|(.*?)\|$", TEXT, re.MULTILINE)
}


def block(mark: str) -> str:
    (found,) = [text for marked, _, text in BLOCKS if marked == mark]
    return str(found)


def model_of(annotation: Any) -> tuple[type[BaseModel], str] | None:
    """Return the model that a field holds, and how its keys follow in the document."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, "."
    for argument in getattr(annotation, "__args__", ()):
        if isinstance(argument, type) and issubclass(argument, BaseModel):
            return argument, ".NAME." if annotation.__origin__ is dict else "."
    return None


def keys(model: type[BaseModel], before: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        inner = model_of(field.annotation)
        if inner is None:
            yield before + name
        else:
            yield from keys(inner[0], f"{before}{name}{inner[1]}")


def test_the_table_has_every_key_and_no_other() -> None:
    assert list(ROWS) == list(keys(Config))


def test_the_example_has_every_key_and_is_taken_without_a_warning() -> None:
    (example,) = [text for mark, kind, text in BLOCKS if kind == "yaml" and not mark]
    config = load(example, "nxwhy.yaml", folder=Path("/etc/nxwhy"), environment={})
    assert config.warnings == ()
    assert config.model_fields_set == set(Config.model_fields)
    for key in ROWS:
        assert re.search(rf"\b{key.rpartition('.')[2]}:", example), key


def setting(key: str, value: str) -> str:
    """Return a configuration that sets one key, with what it needs beside it."""
    if key.startswith("upstreams."):
        beside = "" if key.endswith("servers") else "servers: [192.0.2.53], "
        return f"upstreams: {{default: {{{beside}{key.rpartition('.')[2]}: {value}}}}}"
    if key.startswith("lists."):
        fetched = key.endswith(("refresh", "sha256", "minisign", "ca"))
        source = "url: 'https://lists.example/', " if fetched else "path: a, "
        beside = "" if key.endswith(("path", "shipped", "url")) else source
        *above, last = key.split(".")[2:]
        inner = "".join([f"{part}: {{" for part in above]) + f"{last}: {value}" + "}" * len(above)
        return f"lists: {{one: {{{beside}{inner}}}}}"
    if key.startswith("server.designated."):
        beside = "" if key.endswith("alpn") else "alpn: [h2], "
        return f"server: {{name: dns.example, designated: [{{{beside}{key.rpartition('.')[2]}: {value}}}]}}"
    if key.startswith("tests."):
        return f"tests: [{{name: a.example, {key.rpartition('.')[2]}: {value}}}]"
    if key.startswith("groups."):
        notice = "answer: {notice: {ipv4: 192.0.2.10}}"
        return f"groups: {{default: {{{key.rpartition('.')[2]}: {value}}}}}\n{notice}"
    *above, last = key.split(".")
    return "".join([f"{part}: {{" for part in above]) + f"{last}: {value}" + "}" * len(above)


def at(config: Config, key: str) -> Any:
    found: Any = config
    for part in key.split("."):
        found = next(iter(found.values())) if part == "NAME" else getattr(found, part)
        found = found[0] if part == "designated" else found
    return found


DEFAULTS = [(key, default.strip("`")) for key, (_, default, _) in ROWS.items() if default.startswith("`")]


@pytest.mark.parametrize(("key", "default"), DEFAULTS)
def test_a_default_is_that_of_the_model(key: str, default: str) -> None:
    written = load(setting(key, default), "n", folder=Path("/"), environment={})
    beside = {
        "upstreams.NAME.": ("servers", "[192.0.2.53]"),
        "lists.NAME.": ("path", "a"),
        "groups.NAME.": ("allow", "[]"),
        "server.designated.": ("alpn", "[h2]"),
    }
    bare = next(
        (setting(f"{above}{one}", value) for above, (one, value) in beside.items() if key.startswith(above)),
        "",
    )
    plain = load(bare, "n", folder=Path("/"), environment={})
    assert at(written, key) == at(plain, key)


CHOICES = [
    (key, choice)
    for key, (kind, _, _) in ROWS.items()
    if re.fullmatch(r"(`[\w-]+`(, )?)+", kind)
    for choice in re.findall(r"`([\w-]+)`", kind)
]
BOUNDS = [(key, text) for key, (kind, _, _) in ROWS.items() for text in re.findall(r"`(\d+\w+)`", kind)]


@pytest.mark.parametrize(("key", "value"), CHOICES + BOUNDS)
def test_a_choice_or_a_bound_is_taken(key: str, value: str) -> None:
    load(setting(key, value), "n", folder=Path("/"), environment={})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("upstreams.NAME.timeout", "99ms"),
        ("upstreams.NAME.timeout", "30s 1ms"),
        ("answer.ttl", "999ms"),
        ("answer.ttl", "1d 1s"),
        ("cache.size", "1048575"),
        ("cache.size", "65GiB"),
        ("cache.max_ttl", "999ms"),
        ("cache.max_ttl", "1w 1s"),
        ("cache.negative_ttl", "1d 1s"),
        ("cache.stale", "1w 1s"),
    ],
)
def test_beyond_a_bound_nothing_is_taken(key: str, value: str) -> None:
    assert key in dict(BOUNDS)
    with pytest.raises(ConfigError, match=r"must be at (least|most) "):
        load(setting(key, value), "n", folder=Path("/"), environment={})


def test_mistakes_look_as_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nxwhy.yaml").write_text(block("broken") + "\n")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["check", "--config", "nxwhy.yaml"])
    assert result.output.rstrip() == block("output")
    assert result.exit_code == 1
