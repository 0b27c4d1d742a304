"""Imports point one way, and the core touches nothing of the world."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RANKS = (
    ("core.errors", "core.source", "core.colours"),
    ("core.names", "core.networks", "core.language"),
    ("core.lists",),
    ("core.keys", "core.sets"),
    ("core.steps",),
    ("core.stored", "core.compiler"),
    ("core.edns",),
    ("core.wire", "core.framing", "core.siphash", "core.hello"),
    ("core.reasons", "core.answers"),
    ("core.replies",),
    ("core.cookies",),
    ("core.patterns",),
    ("core.guards",),
    ("core.table", "core.questions", "core.routes", "core.identity"),
    ("core.addresses", "core.refresh", "core.owned"),
    ("core.verdicts",),
    ("core.policy",),
    ("core.events", "core.explain", "core.clients", "core.cache", "core.retries"),
    ("core.engine",),
    ("shipped", "regular"),
    ("config", "observe"),
    ("system", "process", "presentation", "web"),
    ("edge",),
    ("native",),
    ("parts", "engines", "appearance"),
    ("listing", "journaling", "ask"),
    ("record_checks",),
    ("tracing", "replaying", "checking", "publishing"),
    ("settings",),
    ("list_commands", "journal_commands"),
    ("keeper", "recording", "pages"),
    ("app",),
    ("cli",),
    ("__main__",),
)
"""From left to right; a module imports from its own entry and from what stands to the left of its rank."""
WORLD = {
    *("asyncio", "io", "logging", "multiprocessing", "os", "pathlib", "secrets", "select", "selectors"),
    *("shutil", "signal", "socket", "ssl", "subprocess", "tempfile", "threading", "time"),
}
"""Modules of the standard library that the core may not import: sockets, files, clocks, threads, logging."""
FORBIDDEN_CALLS = {"open", "print", "input", "eval", "exec", "__import__"}
"""What touches the world without an import."""
CHANCE_AND_CLOCKS = {
    ("random", "*"),
    ("date", "today"),
    ("datetime", "now"),
    ("datetime", "today"),
    ("datetime", "utcnow"),
}
"""Attributes that read chance or a clock; `random.Random` is the type of an argument."""
DNSLIB = {"core.replies", "presentation"}
"""Modules that use dnslib: to write what we author, and for the names of types."""
MODULES = sorted((ROOT / "resolver").rglob("*.py"))


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT / "resolver").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def entry_of(name: str) -> tuple[int, str]:
    """Return the rank of a module and the entry that it belongs to."""
    for rank, entries in enumerate(RANKS):
        for entry in entries:
            if name == entry or name.startswith(f"{entry}."):
                return rank, entry
    raise AssertionError(f"resolver.{name} has no rank: put it into RANKS of {Path(__file__).name}")


def imports(path: Path) -> set[str]:
    """Return what a module imports when it is loaded or later, as full names."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module or ""
            found |= {f"{module}.{alias.name}" if _is_package(module) else module for alias in node.names}
    return found


def _is_package(module: str) -> bool:
    return (ROOT / Path(*module.split("."))).is_dir()


def ours(path: Path) -> set[str]:
    """Return the modules of ours that a module imports, without the package's name."""
    found = set()
    for name in imports(path):
        if name.startswith("resolver."):
            short = name.removeprefix("resolver.")
            if (ROOT / "resolver" / Path(*short.split("."))).with_suffix(".pyi").exists():
                continue  # compiled: it imports nothing
            while not ((ROOT / "resolver" / Path(*short.split("."))).with_suffix(".py").exists()):
                if (ROOT / "resolver" / Path(*short.split("."))).is_dir():
                    break
                short = short.rpartition(".")[0]
                if not short:
                    break
            if short:
                found.add(short)
    return found


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_imports_point_one_way(path: Path) -> None:
    name = name_of(path)
    if not name or name in {"core", "edge", "web"}:
        assert ours(path) == set()
        return
    rank, entry = entry_of(name)
    for other in ours(path):
        other_rank, other_entry = entry_of(other)
        assert other_rank < rank or other_entry == entry, f"{name} imports {other}"


@pytest.mark.parametrize("path", [path for path in MODULES if name_of(path).startswith("core.")], ids=name_of)
def test_the_core_touches_nothing_of_the_world(path: Path) -> None:
    tops = {imported.partition(".")[0] for imported in imports(path)}
    assert tops & WORLD == set()
    foreign = tops - set(sys.stdlib_module_names) - {"resolver"}
    assert foreign <= {"dnslib", "idna", "yaml", "re2"}
    assert list(reaches_out(ast.parse(path.read_text()))) == []


def reaches_out(tree: ast.AST) -> Iterator[str]:
    """Yield what a module calls or names that reads chance, a clock or a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FORBIDDEN_CALLS:
            yield f"{node.func.id}()"
        if isinstance(node, ast.Attribute):
            owner = ast.unparse(node.value).rpartition(".")[2]
            wildcard = (owner, "*") in CHANCE_AND_CLOCKS and node.attr != "Random"
            if wildcard or (owner, node.attr) in CHANCE_AND_CLOCKS:
                yield f"{owner}.{node.attr}"
        if isinstance(node, ast.ImportFrom) and node.module == "random":
            yield from (f"random.{alias.name}" for alias in node.names)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("open('x')", ["open()"]),
        ("print(1)", ["print()"]),
        ("random.choice(servers)", ["random.choice"]),
        ("from random import choice", ["random.choice"]),
        ("when = datetime.datetime.now()", ["datetime.now"]),
        ("when = date.today()", ["date.today"]),
        ("def pick(rng: random.Random) -> float: return rng.random()", []),
        ("date.fromisoformat(text)", []),
    ],
)
def test_reaching_out_without_an_import_is_noticed(source: str, found: list[str]) -> None:
    assert list(reaches_out(ast.parse(source))) == found


def test_dnslib_writes_what_we_author_and_never_reads() -> None:
    for path in MODULES:
        tops = {imported.partition(".")[0] for imported in imports(path)}
        assert "dnslib" not in tops or name_of(path) in DNSLIB, path
        if "dnslib" in tops:
            calls = [
                node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
            ]
            assert not [call for call in calls if isinstance(call, ast.Attribute) and call.attr == "parse"], (
                path
            )


def test_no_modules_import_each_other() -> None:
    graph = {name_of(path): ours(path) for path in MODULES}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join([*above, name])
        if name in done:
            return
        for other in graph.get(name, set()):
            visit(other, (*above, name))
        done.add(name)

    for name in graph:
        visit(name, ())
