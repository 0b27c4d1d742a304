from __future__ import annotations

import os
import pickle
import subprocess
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from resolver.core.errors import ListRefused, TableFault
from resolver.core.guards import Bounds, Protected
from resolver.core.lists.parsed import ParsedList
from resolver.core.lists.reader import parse_list
from resolver.core.lists.record import Record
from resolver.core.lists.rule import Action, Effect, Own, Side, Trigger
from resolver.core.names import from_text
from resolver.core.steps import NO_SET, Steps
from resolver.core.table import SLOTS_AT, header, meaning
from resolver.core.table import build as compile_in_memory
from resolver.edge import intake
from resolver.edge.builder import TABLE, Build, Order, build, open_built
from resolver.edge.children import PYTHON, python_path
from resolver.edge.history import History, accept, roll_back
from resolver.edge.intake import Source, history, read
from tests.tables import SECRET
from tests.twins import build_file, child

pytestmark = pytest.mark.usefixtures("on_both")

A, B = "a.example", "b.example"
HTML = "<!DOCTYPE html><p>Not Found"


@pytest.fixture
def source(tmp_path: Path) -> Source:
    path = tmp_path / "ads.txt"
    path.write_text("a.example\n")
    return Source("ads", path)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def built(source: Source, state: Path) -> Build:
    build_file(Order((source,)), state)
    return open_built(state)


def blocked(made: Build) -> list[str]:
    return [name for name in (A, B) if made.table.find(from_text(name)) != NO_SET]


def read_names(source: Source, state: Path | None) -> list[str]:
    parsed = read(source, state).parsed
    return [] if parsed is None else [rule.name for rule in parsed.rules]


@pytest.mark.parametrize("broken", [HTML, "", None])
def test_a_list_that_breaks_leaves_the_last_good_one_in_force_over_a_restart(
    source: Source, state: Path, broken: str | None
) -> None:
    assert blocked(built(source, state)) == [A]
    source.path.unlink() if broken is None else source.path.write_text(broken)
    for _ in range(2):  # what is kept stays kept, whoever reads
        made = built(source, state)
        assert blocked(made) == [A]
        assert str(source.path) in str(made.lists[0].error)
        assert made.lists[0].in_force
    assert read_names(source, state) == [A]
    (loaded,) = build([source], state).lists
    assert (loaded.in_force, loaded.error) == (True, made.lists[0].error)


def test_a_list_that_was_never_good_has_nothing_in_force(source: Source, state: Path) -> None:
    source.path.write_text(HTML)
    for made in (build([source], state), built(source, state)):
        assert not made.lists[0].in_force
        assert made.lists[0].record == Record(title="ads")
        assert made.table.counts[0].names == 0


def test_a_good_list_replaces_the_last_good_copy(source: Source, state: Path) -> None:
    built(source, state)
    source.path.write_text("b.example\n")
    assert blocked(built(source, state)) == [B]
    source.path.unlink()
    assert blocked(built(source, state)) == [B]


def test_nothing_is_written_where_nothing_changed(source: Source, state: Path) -> None:
    built(source, state)
    before = written(state)
    assert blocked(built(source, state)) == [A]
    assert written(state) == before


def written(state: Path) -> dict[Path, tuple[int, ...]]:
    """Return what changes when a file is written, but not when it is read."""
    found = {path: path.stat() for path in state.rglob("*")}
    return {path: (one.st_ino, one.st_size, one.st_mtime_ns, one.st_ctime_ns) for path, one in found.items()}


def test_a_list_that_did_not_change_is_not_parsed_again(
    source: Source, state: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = Source("more", tmp_path / "more.txt")
    other.path.write_text("a.example\n")
    build_file(
        Order(
            (
                source,
                other,
            )
        ),
        state,
    )
    other.path.write_text("b.example\n")
    parsed: list[Path] = []
    parse = intake._parse

    def note(source: Source, data: bytes, steps: Steps) -> ParsedList:
        parsed.append(source.path)
        return parse(source, data, steps)

    monkeypatch.setattr(intake, "_parse", note)
    build_file(
        Order(
            (
                source,
                other,
            )
        ),
        state,
    )
    assert parsed == [other.path]
    assert blocked(open_built(state)) == [A, B]


def test_the_settings_of_a_list_count_as_its_content(source: Source, state: Path) -> None:
    built(source, state)
    allowing = Source("ads", source.path, allow=True)
    (says,) = built(allowing, state).table.sets[1:]
    assert says[0].effect.allows


def test_a_list_that_takes_too_long_to_read_stays_as_it_was_and_keeps_no_other_from_changing(
    source: Source, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Source("other", source.path.with_name("other.txt"))
    other.path.write_text("other.example\n")
    build_file(Order((source, other)), state)
    source.path.write_text("b.example\n")
    other.path.write_text("changed.example\n")

    def parse_for_ever(data: bytes, shown: str, **settings: Any) -> ParsedList:
        while shown == source.shown:
            pass
        return parse_list(data, shown, **settings)

    monkeypatch.setattr(intake, "READ_S", 0.2)
    monkeypatch.setattr("resolver.core.lists.reader.parse_list", parse_for_ever)
    build_file(Order((source, other)), state)
    made = open_built(state)
    assert blocked(made) == [A]
    assert made.lists[0].error is not None
    assert made.lists[0].error.endswith("takes more than 0.2 s to read")
    assert made.table.find(from_text("changed.example")) != NO_SET


@pytest.mark.parametrize("damage", [b"", b"x", b"\0" * 64])
def test_a_parsed_form_that_is_damaged_is_made_again(source: Source, state: Path, damage: bytes) -> None:
    built(source, state)
    form = state / "lists" / "ads.form"
    form.write_bytes(damage + form.read_bytes()[len(damage) :][:-1])
    (state / "table").unlink()
    assert blocked(built(source, state)) == [A]


@pytest.mark.parametrize(("mode", "kept"), [(0o600, True), (0o640, False), (0o604, False), (0o622, False)])
def test_a_secret_that_others_may_read_or_write_is_drawn_again(
    source: Source, state: Path, mode: int, kept: bool
) -> None:
    """Who knows it could sign a form, and a form runs what is in it."""
    before = built(source, state).table.secret
    (state / "lists" / "secret").chmod(mode)
    (state / "table").unlink()
    assert (built(source, state).table.secret == before) is kept
    assert (state / "lists" / "secret").stat().st_mode & 0o777 == 0o600


def test_a_secret_that_somebody_else_wrote_is_drawn_again(
    source: Source, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = built(source, state).table.secret
    (state / "table").unlink()
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert built(source, state).table.secret != before


def test_what_belongs_to_lists_that_are_gone_is_removed(source: Source, state: Path) -> None:
    built(source, state)
    build_file(Order(()), state)
    assert not (state / "lists" / "ads.form").exists()
    assert open_built(state).lists == ()


@pytest.mark.parametrize("at", [0, 20, 100, 5000, -1])
def test_a_damaged_table_is_refused_and_built_again(source: Source, state: Path, at: int) -> None:
    built(source, state)
    data = bytearray((state / "table").read_bytes())
    data[at] ^= 1
    (state / "table").write_bytes(data)
    with pytest.raises(TableFault):
        open_built(state)
    assert blocked(built(source, state)) == [A]


def test_files_are_for_the_owner_alone(source: Source, state: Path) -> None:
    built(source, state)
    for path in state.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600)


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("step", ["fsync", "replace", "posix_fallocate"])
@pytest.mark.parametrize("times", [1, 2, 3])
def test_an_end_at_any_step_leaves_the_old_table_or_the_new_one(
    source: Source, state: Path, monkeypatch: pytest.MonkeyPatch, step: str, times: int
) -> None:
    built(source, state)
    source.path.write_text("b.example\n")
    left = iter(range(times - 1))
    real = getattr(os, step)

    def end(*given: Any) -> None:
        if next(left, None) is None:
            raise Killed
        real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(os, step, end)
        try:
            build_file(Order((source,)), state)
        except Killed:
            assert blocked(open_built(state)) in ([A], [B])
    assert blocked(built(source, state)) == [B]


@pytest.mark.parametrize("step", ["fsync", "replace", "posix_fallocate"])
def test_a_full_disk_is_said_and_leaves_the_old_table_and_nothing_else(
    source: Source, state: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    built(source, state)
    source.path.write_text("b.example\n")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(ListRefused, match="No space left on device"):
            build_file(Order((source,)), state)
    assert blocked(open_built(state)) == [A]
    assert not list(state.rglob(".new-*"))


def test_a_folder_or_a_pipe_in_the_place_of_a_list_is_refused_at_once(tmp_path: Path, state: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        parsed, error, *_ = read(Source("ads", path), state)
        assert parsed is None
        assert str(path) in str(error)


def test_a_list_beyond_the_largest_size_is_refused(source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(intake, "MAX_BYTES", 1)
    assert read(source, None)[:2] == (None, f"{source.path}: larger than 0 MiB")


def test_what_is_wrong_with_one_list_does_not_touch_another(source: Source, tmp_path: Path) -> None:
    made = build([Source("none", tmp_path / "none"), source], None)
    assert [loaded.in_force for loaded in made.lists] == [False, True]
    assert made.lists[0].error == f"{tmp_path / 'none'}: No such file or directory"
    assert [say.list for say in made.table.sets[made.table.find(from_text(A))]] == [1]


# What may come into force


def names(count: int, start: int = 0) -> str:
    return "".join([f"n{number}.example\n" for number in range(start, start + count)])


def error(made: Build) -> str:
    return made.lists[0].error or ""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (names(99), "shrunk from 200 rules to 99"),
        (names(601), "grown from 200 rules to 601"),
        (names(150) + "no good\n" * 151, "mostly bad lines: 151 of 301"),
    ],
)
def test_a_list_that_changes_too_much_is_refused_until_it_is_accepted(
    source: Source, state: Path, text: str, said: str
) -> None:
    source.path.write_text(names(200))
    built(source, state)
    source.path.write_text(text)
    for _ in range(2):
        made = built(source, state)
        assert said in error(made)
        assert "nxwhy lists accept ads" in error(made)
        assert made.table.counts[0].names == 200
    kept = history(state, "ads")
    kept.save(accept(kept.index()))
    made = built(source, state)
    assert error(made) == ""
    assert made.table.counts[0].names == text.count("n") - text.count("no")
    assert [version.cause for version in kept.index().versions] == ["first content", "accepted by hand"]


def test_small_lists_may_change_as_they_like(source: Source, state: Path) -> None:
    for count in (1, 99, 2):
        source.path.write_text(names(count))
        assert built(source, state).table.counts[0].names == count


def test_the_owner_may_take_the_bounds_away(source: Source, state: Path) -> None:
    free = Source("ads", source.path, bounds=Bounds(None, None, None))
    for text in (names(1000), names(1), names(5000) + "no good\n" * 9000):
        source.path.write_text(text)
        assert error(built(free, state)) == ""


NOTICE = Protected("notice.corp.example", "the notice page")


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("notice.corp.example", True),
        ("||notice.corp.example^", True),
        ("||corp.example^", True),
        ("corp.example", False),
        ("a.notice.corp.example", False),
        ("@@||corp.example^", False),
        ("||notice.corp.example^\n@@||notice.corp.example^", False),
        ("*.notice.corp.example", True),
        ("||notice.*.example^", True),
        ("/^notice/", True),
        ("@@/^notice/", False),
        ("||notice.*.example^$dnstype=A|AAAA", True),
        ("||notice.*.example^$dnstype=~TXT", True),
        ("||notice.*.example^$dnstype=HTTPS", False),
        ("||notice.*.example^$dnstype=~A", False),
        ("||notice.*.example^$client=192.0.2.7", False),
    ],
)
def test_no_list_blocks_what_must_stay_open(source: Source, state: Path, line: str, refused: bool) -> None:
    source.path.write_text(f"a.example\n{line}\n")
    build_file(Order((source,), (NOTICE,)), state)
    made = open_built(state)
    assert ("notice.corp.example (the notice page), line 2" in error(made)) == refused
    assert made.lists[0].in_force == (not refused)


def test_an_allow_list_may_name_what_must_stay_open(source: Source, state: Path) -> None:
    source.path.write_text("notice.corp.example\n")
    build_file(Order((Source("ads", source.path, allow=True),), (NOTICE,)), state)
    assert open_built(state).lists[0].error is None


@pytest.mark.parametrize("line", ["co.uk", "||co.uk^", "*.co.uk"])
def test_a_public_suffix_is_taken_from_the_owner_and_from_nobody_else(
    source: Source, state: Path, line: str
) -> None:
    source.path.write_text(f"a.example\n{line}\n")
    made = built(Source("ads", source.path, url="https://lists.example/ads"), state)
    assert "co.uk (a public suffix), line 2" in error(made)
    assert error(built(source, state)) == ""


def test_a_fetched_zone_that_blocks_every_client_is_refused_until_it_is_accepted(
    source: Source, state: Path
) -> None:
    halves = "1.0.0.0.0.rpz-client-ip CNAME .\n1.0.0.0.128.rpz-client-ip CNAME .\n"
    source.path.write_text(f"$TTL 60\n@ SOA a. b. 1 1 1 1 1\nads.example CNAME .\n{halves}")
    fetched = Source("ads", source.path, url="https://lists.example/ads")
    assert "would block 1/2 of all IPv4 clients or more, line 4; `nxwhy lists acc" in error(
        built(fetched, state)
    )
    assert not open_built(state).lists[0].in_force
    kept = history(state, "ads")
    kept.save(accept(kept.index()))
    made = built(fetched, state)
    assert (error(made), len(made.triggers[0])) == ("", 2)


CORP = Protected("mail.corp.example", "`never_block`", always=True)
"""A name of the owner's, which a list in force must not block either."""


def test_a_name_that_must_stay_open_from_now_on_refuses_a_build_with_a_list_that_blocks_it(
    source: Source, state: Path
) -> None:
    source.path.write_text("a.example\n||corp.example^\n")
    built(source, state)
    for _ in range(2):
        with pytest.raises(ListRefused) as caught:
            build_file(Order((source,), (CORP,)), state)
        said = f"build: {source.path}:2: list ads blocks mail.corp.example (`never_block`)"
        assert str(caught.value) == said
    assert blocked(open_built(state)) == [A]
    build_file(Order((replace(source, enforced=False),), (CORP,)), state)  # off, or in shadow
    source.path.write_text("a.example\n||corp.example^\n@@||mail.corp.example^\n")
    build_file(Order((source,), (CORP,)), state)
    assert error(open_built(state)) == ""


@pytest.mark.parametrize("against", ["a name that must stay open", "a test"])
def test_a_build_that_is_refused_leaves_the_versions_in_force_of_all_lists(
    source: Source, state: Path, tmp_path: Path, against: str
) -> None:
    other = Source("more", tmp_path / "more.txt")
    other.path.write_text("c.example\n")
    order = Order((other, source))
    build_file(order, state)
    before = [history(state, name).index() for name in ("ads", "more")]
    other.path.write_text("d.example\n")
    if against == "a test":
        refused = replace(order, complaints=lambda _: ["a.example should be open"])
    else:
        refused = replace(order, protected=(Protected("a.example", "`never_block`", always=True),))
    for _ in range(2):
        with pytest.raises(ListRefused, match=r"a\.example"):
            build_file(refused, state)
        assert [history(state, name).index() for name in ("ads", "more")] == before
    other.path.unlink()  # what was never in force does not come into force as the last good one
    build_file(order, state)
    assert open_built(state).table.find(from_text("d.example")) == NO_SET
    other.path.write_text("d.example\n")
    build_file(order, state)
    assert history(state, "more").index().versions[-1].cause == "new content"
    assert open_built(state).table.find(from_text("d.example")) != NO_SET


def test_a_version_that_is_kept_must_not_block_such_a_name_either(source: Source, state: Path) -> None:
    source.path.write_text("mail.corp.example\n")
    first = built(source, state).lists[0].version
    source.path.unlink()
    with pytest.raises(ListRefused) as caught:
        build_file(Order((source,), (CORP,)), state)
    assert f"{source.path}:1 (version {first}): list ads blocks mail.corp.example" in str(caught.value)


def test_a_list_that_was_accepted_with_such_a_name_keeps_it_and_no_other(source: Source, state: Path) -> None:
    source.path.write_text("mail.corp.example\nwww.corp.example\n")
    order = Order((source,), (CORP,))
    build_file(order, state)
    assert "mail.corp.example (`never_block`), line 1; `nxwhy lists accept ads`" in error(open_built(state))
    kept = history(state, "ads")
    kept.save(accept(kept.index()))
    for _ in range(2):
        build_file(order, state)
        assert error(open_built(state)) == ""
    assert kept.index().versions[0].despite == ("mail.corp.example",)
    other = CORP._replace(name="www.corp.example")
    with pytest.raises(ListRefused, match=r"ads\.txt:2: list ads blocks www\.corp\.example"):
        build_file(Order((source,), (CORP, other)), state)


@pytest.mark.parametrize("name", ["index.json", "*.z"])
def test_a_version_that_cannot_be_kept_is_in_force_and_told(
    source: Source, state: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    built(source, state)
    source.path.write_text("b.example\n")
    real = os.replace

    def fail(old: str, new: Path) -> None:
        if new.match(f"history/ads/{name}"):
            raise OSError(28, "No space left on device")
        real(old, new)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        for _ in range(2):
            made = built(source, state)
            assert blocked(made) == [B]
            assert (error(made), made.lists[0].unkept) == ("", "No space left on device")
    made = built(source, state)
    assert (made.lists[0].unkept, len(history(state, "ads").index().versions)) == ("", 2)


def test_a_refusal_that_cannot_be_noted_says_so(
    source: Source, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.path.write_text(names(200))
    built(source, state)
    source.path.write_text(names(20))

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(History, "save", fail)
    said = "takes it all the same, once it can be written down: No space left on device"
    assert said in error(built(source, state))


# Versions


def test_a_version_that_was_rolled_back_stays_away_until_the_source_has_a_new_one(
    source: Source, state: Path
) -> None:
    built(source, state)
    source.path.write_text("b.example\n")
    built(source, state)
    kept = history(state, "ads")
    first = kept.index().versions[0].id
    kept.save(roll_back(kept.index(), first))
    made = built(source, state)
    assert blocked(made) == [A]
    assert (made.lists[0].held, made.lists[0].version, error(made)) == ("rolled back", first, "")
    assert read_names(source, state) == [A]
    source.path.write_text("a.example\nb.example\n")
    assert blocked(built(source, state)) == [A, B]
    source.path.write_text("b.example\n")
    assert blocked(built(source, state)) == [A, B]


def test_a_pinned_list_stays_as_it_is_whatever_its_source_says(source: Source, state: Path) -> None:
    built(source, state)
    kept = history(state, "ads")
    kept.save(replace(kept.index(), pinned=True))
    source.path.write_text("b.example\n")
    made = built(source, state)
    assert blocked(made) == [A]
    assert made.lists[0].held == "pinned"
    source.path.unlink()
    assert error(built(source, state)) == ""
    source.path.write_text("b.example\n")
    kept.save(replace(kept.index(), pinned=False))
    assert blocked(built(source, state)) == [B]


def test_rules_about_addresses_come_back_from_the_table_as_they_were(
    source: Source, state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    triggers = (
        Trigger(ip_network("192.0.2.0/24"), Side.ANSWER, Effect.BLOCK, 3),
        Trigger(ip_network("2001:db8::/32"), Side.CLIENT, Effect.IMPORTANT_ALLOW, 4),
        Trigger(ip_network("::/0"), Side.ANSWER, Effect.BLOCK, 5, Own(Action.DATA, ((16, b"\xff\0"),))),
    )

    def parse_with_triggers(*args: Any, **settings: Any) -> ParsedList:
        return replace(parse_list(*args, **settings), triggers=triggers)

    monkeypatch.setattr("resolver.core.lists.reader.parse_list", parse_with_triggers)
    assert built(source, state).triggers == (triggers,)
    assert built(source, state).triggers == (triggers,)  # from the parsed form that was kept
    assert build([source], None).triggers == (triggers,)


def test_a_test_that_is_new_is_tried_where_the_lists_are_as_they_were(source: Source, state: Path) -> None:
    built(source, state)
    for _ in range(2):
        with pytest.raises(ListRefused, match=r"a\.example should be open"):
            build_file(Order((source,), complaints=lambda _: ["a.example should be open"]), state)
    assert blocked(open_built(state)) == [A]
    build_file(Order((source,), complaints=lambda made: [] if blocked(made) == [A] else ["no"]), state)


def test_what_another_writer_has_under_way_is_left_alone(state: Path) -> None:
    for folder in ("lists", "history/ads", "fetched"):
        (state / folder).mkdir(parents=True)
        (state / folder / ".new-left").touch()
    given = pickle.dumps((Order(()), state))
    done = subprocess.run(
        [*PYTHON, child()], input=given, env={**os.environ, "PYTHONPATH": python_path("")}, check=True
    )
    assert done.returncode == 0
    assert [path.parent.name for path in state.rglob(".new-*")] == ["fetched"]


@pytest.mark.parametrize("lists", [[1], [{}], [{"name": "ads"}], None])
def test_a_table_without_lists_that_we_know_is_none(state: Path, lists: object) -> None:
    made = compile_in_memory([], SECRET)
    said = meaning(made.made, {"triggers": [], "patterns": [], "lists": lists})
    head = header(SECRET, made.slots, said)
    state.mkdir()
    (state / TABLE).write_bytes(head + bytes(SLOTS_AT - len(head)) + bytes(made.slots) + said)
    with pytest.raises(TableFault, match="no lists that we can read"):
        open_built(state)


PATTERNS = "".join([f"||ad*{number}.example^\n" for number in range(200)])
NETWORKS = "$TTL 60\n@ SOA a. b. 1 1 1 1 1\n" + "".join(
    [f"32.{number}.2.0.192.rpz-ip CNAME .\n" for number in range(200)]
)


@pytest.mark.parametrize("text", [PATTERNS, NETWORKS])
def test_patterns_and_rules_about_addresses_count_as_rules_of_a_list(
    source: Source, state: Path, text: str
) -> None:
    source.path.write_text(text + "a..b CNAME .\n")
    assert error(built(source, state)) == ""
    assert history(state, "ads").index().versions[0].rules == 200
    source.path.write_text("".join(text.splitlines(keepends=True)[:20]))
    assert "shrunk from 200 rules to " in error(built(source, state))


def test_who_reads_without_building_sees_what_the_guards_left_in_force(source: Source, state: Path) -> None:
    source.path.write_text(names(200))
    first = built(source, state).lists[0].version
    source.path.write_text(names(20))
    assert "shrunk" in error(built(source, state))
    found = read(source, state)
    assert (found.version, found.parsed and len(found.parsed.rules)) == (first, 200)
    assert "nxwhy lists accept ads" in str(found.error)
    kept = history(state, "ads")
    kept.save(accept(kept.index()))
    assert read(source, state)[1] is None
    built(source, state)
    assert read(source, state)[1] is None


def test_what_the_header_says_against_the_reading_comes_back_from_the_table(
    source: Source, state: Path
) -> None:
    source.path.write_text("# Wildcard domains\na.example\n")
    assert "`match: subtree`" in built(source, state).lists[0].hint
