"""What a list may hold that is made to cost much; for the tests and for the benchmark."""

from __future__ import annotations

from typing import NamedTuple

LONGEST = 4095
"""Longest line that is read, in bytes."""


BLANKS = (b" ", b"\t", b"\n", b"\r\n", b" \n")
COUNTED = "(?:a?){30}"
"""Part of an expression that stands for more characters than it has; no more than 33 of them are read."""
EXPRESSIONS = ("(a+)+$", "(a*)*(a*)*b", "(a|aa)+$", "(.*)*x{200}", "((a?){30}){30}")
"""Expressions that go back and try again for ever, where somebody searches so."""
WORST = {
    "ads.*ads.*ads.*x$": "^(?>.*?ads)(?>.*?ads)(?>.*?ads).*?x$",
    "[a-z]+1": "[a-z]+1",
    "a[a-z]*1": "a[a-z]*1",
    "^(?:[a-z]{1,50}){3}1": None,
    ".*.*.*1": "1",
    "a.*a.*a.*a.*1$": "^(?>.*?a)(?>.*?a)(?>.*?a)(?>.*?a).*?1$",
    r"(?:^|\.)a.*s.*1": r"^(?>.*?(?:^|\.)a)(?>.*?s).*?1",
}
"""Expressions that take `re` long on names that nearly meet them, and how they are tried; None: never."""
NEARLY = ("ads" * 84, "a" * 253, "a." * 126)
"""Such names."""


class Line(NamedTuple):
    """A line that says something many times."""

    before: str
    again: str
    behind: str = ""

    def of(self, size: int) -> str:
        """Return the line with about so many bytes, no more."""
        room = size - len(f"{self.before}{self.behind}".encode())
        return self.before + self.again * (room // len(self.again.encode())) + self.behind

    def __str__(self) -> str:
        return f"{self.before}{self.again}...{self.behind}"


ADBLOCK = (
    Line("||", "*a"),
    Line("||", "*"),
    Line("/", "(", "/"),
    Line("/", "a*", "/"),
    Line("/", "a", "/"),
    Line("/", "[", "/"),
    Line("/", "[[:", "/"),
    Line("/", "[[:a", ":]]/"),
    Line("/", "/"),
    Line("", "/a/$"),
    Line("||a.example^$client=", "~"),
    Line("||a.example^$client=", "\\|"),
    Line("||a.example^$denyallow=", "a|"),
    Line("||a.example^$denyallow=", "ü"),
    Line("||a.example^$dnsrewrite=", "ü"),
    Line("||a.example^$dnstype=", "A|", "A"),
    Line("||a.example^$", "important,"),
)
DNSMASQ = (
    Line("address=/", "*"),
    Line("address=", "/"),
    Line("address=/", "a"),
    Line("address=/", "ü"),
    Line("address=/", "ü/"),
    Line("address=/", "*a./"),
    Line("address=", '"'),
    Line("address=", " #", '"'),
    Line("address=", " ", "x"),
    Line("", "a"),
    Line("address=/a.example/", "1"),
    Line("address=/a.example/", ":"),
    Line("server=/", '"'),
    Line("local=/", "*ü/"),
)
UNBOUND = (
    Line("", "local-zone:"),
    Line("", "server:"),
    Line("local-zone: ", '"'),
    Line("local-zone: ", " ", "x"),
    Line("local-zone: ", '""'),
    Line('local-zone: "', "ü", '" static'),
    Line("local-data: '", "IN ", "'"),
    Line("local-data: '", "IN "),
    Line("local-data: '", "1", "'"),
    Line("local-data: 'a.example ", "1h", "x'"),
    Line("local-data: 'a.example TXT ", '"', "'"),
    Line("local-data: 'a.example TXT ", "\\", "'"),
    Line("local-data: 'a.example TXT ", "a ", "'"),
    Line("local-data: 'a.example CNAME ", "ü", "'"),
    Line("local-data: 'a.example AAAA ", ":", "'"),
    Line("", "local-data: '' "),
    Line("", "a-"),
)
PLAIN = (
    Line("", "a"),
    Line("", "a."),
    Line("", "."),
    Line("", "#"),
    Line("", "ü"),
    Line("", "ü."),
    Line("", "1"),
    Line("", ":"),
    Line("", "$"),
    Line("0.0.0.0", " a"),
    Line("", ",important"),
)
LINES = {"auto": PLAIN, "adblock": ADBLOCK, "dnsmasq": DNSMASQ, "unbound": UNBOUND}
"""By the format in which they cost most."""
