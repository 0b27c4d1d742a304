"""Native code builds what Python builds, bit for bit, or refuses what Python refuses."""

from __future__ import annotations

import os
import subprocess
import sys
from array import array
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from resolver.core.errors import ListRefused, TableFault
from resolver.core.keys import KEY_BITS, Secret
from resolver.core.lists import bulk
from resolver.core.lists.bulk import scan_lines
from resolver.core.lists.reader import parse_list
from resolver.core.lists.rule import Action, Effect, Own, Rule, Scope
from resolver.core.lists.rules import Resolution, Rules, collect
from resolver.core.steps import MAX_PAIRS, MAX_PROBE, PYTHON, Run, Slots, Steps, make_words
from resolver.core.table import build, header, meaning
from resolver.native.building import SHAPES, Api, native_steps
from tests.native.building import SOURCES, Library
from tests.native.compiled import compile_c
from tests.tables import SECRET
from tests.twins import needs_native

OPTIONS = os.environ.get("NXWHY_NATIVE_OPTIONS", "-O2").split()
SANITIZERS = "-O1 -g -fsanitize=address,undefined -fno-sanitize-recover=all"
SHAPE = {shape.format: shape for shapes in bulk.SHAPES.values() for shape in shapes}
LABEL = st.sampled_from(["a", "b", "c", "0", "a-_9", "x" * 63, "localhost"])
TEXT = st.lists(LABEL, min_size=1, max_size=4).map(".".join)
OWNS = [Own(Action.DATA, ((1, bytes([number]) * 4),)) for number in range(20)]
OWN = st.sampled_from([None, Own(Action.NULL), *OWNS])
SCOPE, EFFECT, LINE = st.sampled_from(Scope), st.sampled_from(Effect), st.integers(1, 99)
RULE = st.builds(Rule, TEXT, SCOPE, EFFECT, LINE, st.just(""), OWN, st.none())
LISTS = st.lists(st.lists(RULE, max_size=30), max_size=5)
WAYS = st.lists(st.sampled_from(Resolution), min_size=5, max_size=5)
SECRETS = st.sampled_from(
    [SECRET, Secret((1 << 60) - 93, 3), Secret(2, 1), Secret(257, 100), Secret(65537, 7)]
)
ADDRESSES = ["0.0.0.0 ", "127.0.0.1\t", "::1 ", ":: ", "::", "0.0.0.0", "127.0.0.1 \t "]
MARKS = ["||", "*.", "^", " ", "\t", "#", "localhost", "localhost.", "\n", "\n", "\n", "\r", "\r\n"]
NAMES = ["a", "b.example", ".", "..", "9", "1.2", "x" * 63, "y" * 64, "a." * 126, "-_", "A", "é", "\0"]
PIECES = st.sampled_from(ADDRESSES + MARKS + NAMES)
LINES = st.lists(PIECES, max_size=40).map(lambda parts: "".join(parts).encode() + b"\n")


@pytest.fixture(scope="module", params=["alone", pytest.param("bound", marks=needs_native)])
def library(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Api:
    """The native steps: compiled by themselves, for the sanitizers too, and as they are bound."""
    if request.param == "bound":
        from resolver.native import _native  # noqa: PLC0415

        return _native
    folder = tmp_path_factory.mktemp("native")
    return Library(compile_c(folder / "build.so", SOURCES, *OPTIONS, "-fPIC", "-shared"))


@pytest.fixture(scope="module")
def native(library: Api) -> Steps:
    return native_steps(library)


def file(lists: list[Rules], secret: Secret, ways: list[Resolution], steps: Steps) -> bytes | str:
    """Return the file of a table, or why there is none."""
    try:
        table = build(lists, secret, ways[: len(lists)], steps)
    except TableFault as fault:
        return str(fault)
    said = meaning(table.made, {})
    return header(secret, table.slots, said) + bytes(table.slots) + said


@given(LISTS, SECRETS, WAYS)
def test_the_same_file_comes_of_the_same_rules(
    native: Steps, lists: list[list[Rule]], secret: Secret, ways: list[Resolution]
) -> None:
    rules = [collect(each) for each in lists]
    assert file(rules, secret, ways, native) == file(rules, secret, ways, PYTHON)


@given(LINES, st.sampled_from(SHAPES), st.integers(1, 1 << 24))
@example(b"a" * 63 + b".b\n" + b"a" * 64 + b".b\n", "domains", 1)
@example((b"a." * 126 + b"b\n") * 2 + b"a." * 126 + b"bb\n", "domains", 1)
@example(b"||a.b^\n||^\n||\n||a.b^^\n|| a.b^\n", "adblock", 7)
@example(b"::1a.b\n::1 a.b\n:: a.b\n::\ta.b\r\n0.0.0.0 a.b\r\r\n", "hosts", 1)
def test_the_same_lines_are_usual(native: Steps, data: bytes, shape: str, first: int) -> None:
    said, expected = native.scan(SHAPE[shape], data, first), scan_lines(SHAPE[shape], data, first)
    assert (bytes(said.names), said.lines, list(said.odd)) == (
        expected.names,
        expected.lines,
        list(expected.odd),
    )


@given(LINES, st.sampled_from([*SHAPES, "auto", "dnsmasq"]), st.binary(max_size=30))
def test_a_list_is_read_alike(native: Steps, data: bytes, format: str, more: bytes) -> None:
    text = b"first.example\n" + data + more
    assert parsed(text, format, native) == parsed(text, format, PYTHON)


def parsed(text: bytes, format: str, steps: Steps) -> object:
    try:
        made = parse_list(text, "list", format=format, scan=steps.scan)
    except ListRefused as refused:
        return str(refused)
    return made.rules, made.tally, list(map(str, made.mistakes)), made.patterns


NAME = st.text("ab.-0\u00e9", max_size=300).map(str.encode)


@given(st.lists(NAME, min_size=1, max_size=20), SECRETS)
def test_keys_are_those_of_any_text(library: Api, names: list[bytes], secret: Secret) -> None:
    keys, dots = array("Q", [0] * len(names)), bytearray(256)
    text = bytearray(b"".join([name + b"\n" for name in names]))
    if any(name.count(b".") > 255 for name in names):
        with pytest.raises(ValueError, match="fit together"):
            library.build_keys(text, *secret, keys, dots)
        return
    library.build_keys(text, *secret, keys, dots)
    assert list(keys) == [int.from_bytes(name, "little") * secret.factor % secret.prime for name in names]
    assert {count for count, seen in enumerate(dots) if seen} == {name.count(b".") for name in names}


@given(st.lists(st.tuples(st.integers(0, (1 << 60) - 1), st.integers(0, 40)), max_size=200), st.data())
def test_words_are_sorted_whatever_they_are(
    library: Api, given_words: list[tuple[int, int]], data: st.DataObject
) -> None:
    first = data.draw(st.sampled_from([0, 16, 32, 48]))
    keys, kinds = array("Q", [key for key, _ in given_words]), array("H", [kind for _, kind in given_words])
    words, spare = array("Q", [0] * len(keys)), array("Q", [0] * len(keys))
    made = library.build_words(keys, kinds, first, words, spare)
    assert list(words[:made]) == sorted(
        [key << 4 | kind - first for key, kind in given_words if 0 <= kind - first < 16]
    )


def slots_of(bits: int) -> Slots:
    return Slots(memoryview(bytearray(8 * ((1 << bits) + MAX_PROBE))).cast("Q"), KEY_BITS - bits)


@given(st.lists(st.lists(st.integers(0, 1 << 12), max_size=30), max_size=6), st.integers(6, 9))
def test_runs_are_merged_alike_however_their_keys_meet(
    native: Steps, keys: list[list[int]], bits: int
) -> None:
    runs = [
        Run(16 * place, array("Q", sorted([key % 40 << 52 | key & 15 for key in each])))
        for place, each in enumerate(keys)
    ]
    made, expected = slots_of(bits), slots_of(bits)
    assert native.fill(runs, 16 * len(runs), made) == PYTHON.fill(runs, 16 * len(runs), expected)
    assert made == expected


@pytest.mark.parametrize("names", [MAX_PROBE, MAX_PROBE + 1])
def test_names_that_crowd_are_refused(native: Steps, names: int) -> None:
    runs = [Run(0, array("Q", [key << 4 for key in range(names)]))]
    said = []
    for steps in (native, PYTHON):
        try:
            said.append(str(steps.fill(runs, 1, slots_of(10)).longest_probe))
        except TableFault as fault:
            said.append(str(fault))
    assert said == [said[0]] * 2
    assert said[0] == ("255" if names == MAX_PROBE else "too many names crowd at one place")


def test_the_last_slot_stays_empty(native: Steps) -> None:
    last = (1 << KEY_BITS) - 1
    runs = [Run(0, array("Q", [last - MAX_PROBE + 1 + key << 4 for key in range(MAX_PROBE)]))]
    slots = slots_of(6)
    native.fill(runs, 1, slots)
    assert slots.words[-1] == 0
    assert slots.words[-2] != 0


def test_too_many_different_things_are_refused(native: Steps) -> None:
    joined = array("Q", [16])
    for steps in (native, PYTHON):
        with pytest.raises(TableFault, match="too many different things"):
            steps.fill([Run(0, joined), Run(1, joined)], MAX_PAIRS, slots_of(6))


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda c: c.build_fill([(0, array("Q", [0]))], 2, slots_of(6).words, 6, rooms(1)), "room"),
        (lambda c: c.build_fill([(5, array("Q", [0]))], 2, slots_of(6).words, 6, rooms(2)), "no such rule"),
        (lambda c: c.build_fill([], 2, slots_of(6).words, 0, rooms(2)), "bits"),
        (lambda c: c.build_fill([], 2, slots_of(6).words, 41, rooms(2)), "bits"),
        (
            lambda c: c.build_fill(
                [(0, array("Q", [16])), (1, array("Q", [16]))], 2, slots_of(6).words, 6, rooms(2)
            ),
            "room for combinations",
        ),
        (lambda c: c.build_keys(bytearray(b"a\nb\n"), 7, 3, array("Q", [0]), bytearray(256)), "count"),
        (lambda c: c.build_keys(bytearray(b"a\n"), 7, 3, array("Q", [0, 0]), bytearray(256)), "count"),
        (lambda c: c.build_keys(bytearray(b"a\n"), 0, 0, array("Q", [0]), bytearray(256)), "prime"),
        (lambda c: c.build_keys(bytearray(b"a\n"), 1 << 60, 3, array("Q", [0]), bytearray(256)), "prime"),
        (lambda c: c.build_keys(bytearray(b"a\n"), 7, 7, array("Q", [0]), bytearray(256)), "factor"),
        (lambda c: c.inheritance(7, 3, slots_of(6).words, 0, 1), "bits"),
        (lambda c: c.inheritance(0, 0, slots_of(6).words, 6, 1), "prime"),
        (lambda c: c.inheritance(7, 3, slots_of(6).words, 6, MAX_PAIRS + 1), "combinations"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    library: Api, call: Callable[[Api], object], reason: str
) -> None:
    with pytest.raises(ValueError, match="fit together"):
        call(library)
    assert reason


def rooms(room: int) -> tuple[array[int], array[int], array[int], array[int]]:
    return array("I", [0] * room), array("I", [0] * room), array("Q", [0] * room), array("Q", [0] * room)


def test_slots_that_lead_nowhere_are_refused(library: Api) -> None:
    slots = slots_of(6)
    slots.words[:] = memoryview(b"\xff" * slots.words.nbytes).cast("Q")
    heirs = library.inheritance(7, 3, slots.words, 6, 1)
    assert heirs.inherit(bytearray(b"a.b\n"), array("H", [0]), 0) is None  # no such name
    for key in range(7):
        slots.words[key << 6 >> 60] = key << 20 | 99
    slots.words[0] = (int.from_bytes(b"b", "little") * 3 % 7) << 20 | 99
    with pytest.raises(ValueError, match="fit together"):
        library.inheritance(7, 3, slots.words, 6, 1).inherit(bytearray(b"a.b\n"), array("H", [0]), 0)


def test_answers_that_do_not_fit_are_refused(library: Api) -> None:
    rules = collect([Rule(name, Scope.SUBTREE, Effect.BLOCK, 1) for name in ("b", "a.b")])
    slots = slots_of(6)
    PYTHON.fill(make_words(rules, SECRET).runs, 1, slots)
    for origin in (2, MAX_PAIRS):
        heirs = library.inheritance(*SECRET, slots.words, 6, 1)
        assert heirs.inherit(rules.names, rules.kind_of, 0) == (0, 0)
        with pytest.raises(ValueError, match="fit together"):
            heirs.answer(origin, 1)
    heirs.answer(0, 1)
    with pytest.raises(ValueError, match="fit together"):
        heirs.answer(0, 1)
    with pytest.raises(ValueError, match="fit together"):  # more names than kinds
        heirs.inherit(rules.names, array("H", [0]), 0)


def test_a_large_build_is_the_same(native: Steps) -> None:
    names = [f"{number * 7919 % 10007:x}.{number % 97}x.example" for number in range(30_000)]
    names += [f"{number}x.example" for number in range(50)]
    lists = [
        collect([Rule(name, scope, Effect.BLOCK, 1) for name in names[place::3]])
        for place, scope in enumerate([Scope.SUBTREE, Scope.EXACT, Scope.BELOW])
    ]
    ways = [Resolution.STRONGEST, Resolution.CLOSEST, Resolution.ENCLOSER]
    assert file(lists, SECRET, ways, native) == file(lists, SECRET, ways, PYTHON)


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_no_compiler_has_a_word_against_it(compiler: str, source: Path, tmp_path: Path) -> None:
    compile_c(tmp_path / "part.o", [source], "-O2", "-c", using=compiler)


LONGEST_S = 3600 if "NXWHY_EXAMPLES" in os.environ else 300
"""How long the run with sanitizers may take."""


@pytest.mark.skipif("-fsanitize" in " ".join(OPTIONS), reason="this is the run with sanitizers")
@pytest.mark.fuzz
@pytest.mark.timeout(LONGEST_S)
def test_sanitizers_find_nothing() -> None:
    found = subprocess.run(["cc", "-print-file-name=libasan.so"], capture_output=True, text=True, check=True)
    if not Path(found.stdout.strip()).is_absolute():
        pytest.skip("no AddressSanitizer")
    added = {
        "LD_PRELOAD": found.stdout.strip(),
        "NXWHY_NATIVE_OPTIONS": SANITIZERS,
        "NXWHY_EXAMPLES": os.environ.get("NXWHY_EXAMPLES", "40"),
        "PYTHONMALLOC": "malloc",  # so that what stands beside an array is watched
        "ASAN_OPTIONS": "detect_leaks=0",  # Python's own
    }
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-qs",
        "-p",
        "no:cacheprovider",
        f"--timeout={LONGEST_S}",
        __file__,
    ]
    alone, environment = ["-k", "not bound"], {**os.environ, **added}
    ran = subprocess.run([*words, *alone], check=False, env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout[-5000:] + ran.stderr[-5000:]
