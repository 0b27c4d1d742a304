from __future__ import annotations

from datetime import date
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

import pytest
import yaml

from resolver.core.lists.parsed import ParsedList
from resolver.core.lists.reader import parse_list
from resolver.core.lists.record import ListClass, Record
from resolver.core.lists.rule import Effect, Scope
from resolver.core.names import from_text, is_within
from resolver.core.policy import AnswerSettings, Group, Policy, PolicyList
from resolver.core.reasons import make_reason
from resolver.core.replies import AnswerMode
from resolver.core.wire import parse_query
from tests.messages import errors, opt, parsed, query
from tests.tables import build

FOLDER = Path(__file__).parent.parent / "blocklists"
TITLES = {
    "bbm": "BBM",
    "canaries": "Canaries",
    "doh-bypass": "Other resolvers",
    "imo": "imo",
    "line": "LINE",
    "linkedin": "LinkedIn",
    "vchat": "vChat",
    "wechat": "WeChat",
}
MADE = {"canaries": date(2026, 11, 26), "doh-bypass": date(2026, 11, 26)}
SERVICES = sorted(TITLES.keys() - {"vchat"})
DATA = Path(__file__).parent / "data"
NEVER: dict[str, str] = yaml.safe_load((DATA / "never.yaml").read_bytes())
SHIPPED: dict[str, dict[str, list[str]]] = yaml.safe_load((DATA / "shipped.yaml").read_bytes())


def load(service: str) -> ParsedList:
    path = FOLDER / f"{service}.yaml"
    return parse_list(path.read_bytes(), path.name)


def entries(service: str) -> list[dict[str, object]]:
    names = yaml.safe_load((FOLDER / f"{service}.yaml").read_bytes())["names"]
    return [{"name": entry} if isinstance(entry, str) else entry for entry in names]


def test_the_lists_are_those_that_the_documents_name() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(TITLES)


@pytest.mark.parametrize("service", TITLES)
def test_a_shipped_list_is_read_without_a_mistake_or_a_repeat(service: str) -> None:
    parsed = load(service)
    assert parsed.mistakes == ()
    assert parsed.tally.bad == 0
    names = [entry["name"] for entry in entries(service)]
    assert len(set(names)) == len(names) == len(parsed.rules) + parsed.tally.ignored.get("disabled", 0)


@pytest.mark.parametrize("service", TITLES)
def test_a_shipped_list_says_why_it_exists_and_names_nobody_as_contact(service: str) -> None:
    record = load(service).record
    assert record is not None
    reason = make_reason(record)
    assert reason.title == TITLES[service]
    assert record.list_class is ListClass.POLICY
    assert reason.why.endswith("blocked on this network by its owner.")
    assert record.since == MADE.get(service, date(2026, 11, 22))
    assert record.contact == ""


@pytest.mark.parametrize("service", TITLES)
def test_names_that_belong_to_the_service_alone_are_on(service: str) -> None:
    rules = load(service).rules
    shown = {("=" if rule.scope is Scope.EXACT else "") + rule.name for rule in rules}
    assert shown == set(SHIPPED[service]["enabled"])
    assert {rule.effect for rule in rules} <= {Effect.BLOCK}


@pytest.mark.parametrize("service", TITLES)
def test_names_that_are_shared_are_off_and_say_what_breaks(service: str) -> None:
    off = {entry["name"]: entry for entry in entries(service) if entry.get("enabled") is False}
    assert set(off) == set(SHIPPED[service]["disabled"])
    assert [name for name, entry in off.items() if not entry.get("collateral")] == []


@pytest.mark.parametrize("service", SERVICES)
def test_no_rule_is_about_a_name_that_must_stay_open_or_one_above_it(service: str) -> None:
    blocked = [from_text(rule.name) for rule in load(service).rules]
    hit = [
        f"{never}: {why}"
        for never, why in NEVER.items()
        for name in blocked
        if is_within(from_text(never), name)
    ]
    assert hit == []


def test_the_check_for_names_that_must_stay_open_would_see_one() -> None:
    turned_on = (
        (FOLDER / "wechat.yaml")
        .read_text("utf-8")
        .replace("- name: qq.com\n  enabled: false", "- name: qq.com")
    )
    rules = parse_list(turned_on.encode(), "wechat.yaml").rules
    assert "qq.com" in {rule.name for rule in rules}
    assert any(is_within(from_text("mail.qq.com"), from_text(rule.name)) for rule in rules)


@pytest.mark.parametrize("service", SERVICES)
def test_the_head_of_a_list_says_how_to_edit_it_where_it_is_from_and_what_dns_cannot_stop(
    service: str,
) -> None:
    head = (FOLDER / f"{service}.yaml").read_text("utf-8").partition("schema:")[0]
    assert all(part in head for part in ("# To edit:", "# What DNS cannot stop:", "The names come from"))


@pytest.mark.parametrize("service", TITLES)
def test_a_line_of_a_shipped_list_fits_a_screen(service: str) -> None:
    assert max(map(len, (FOLDER / f"{service}.yaml").read_text("utf-8").splitlines())) <= 110


@pytest.mark.parametrize("mode", list(AnswerMode))
@pytest.mark.parametrize("name", ["use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com"])
@pytest.mark.parametrize("qtype", [1, 28, 65])
def test_a_canary_does_not_exist_in_whatever_way_its_group_answers(
    mode: AnswerMode, name: str, qtype: int
) -> None:
    """Firefox takes any address, that of a notice page too, for a network that does not filter."""
    lists = [PolicyList("canaries", Record("Canaries"))]
    settings = AnswerSettings(30, (IPv4Address("192.0.2.10"),), (IPv6Address("2001:db8::10"),))
    groups = [Group("default", (), frozenset([0]), mode)]
    policy = Policy(build([list(load("canaries").rules)]), lists, groups, settings)
    verdict = policy.profile_for(ip_address("192.0.2.1")).decide(from_text(name), qtype)
    assert verdict.answer is not None
    message = parsed(verdict.answer.reply(parse_query(query(name, qtype, opt=opt()))))
    assert (message.rcode(), message.answer, errors(message)[0][0]) == (3, [], 15)
