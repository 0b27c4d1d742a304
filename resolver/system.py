"""What the machine we run on says of DNS."""

from __future__ import annotations

from collections.abc import Collection
from ipaddress import ip_address
from pathlib import Path

from resolver.config.checks import is_own
from resolver.config.quantities import Endpoint

RESOLV_CONF = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))
"""Files that name the system's resolvers, the better one first: the second may name systemd's stub."""


def system_resolvers(text: str) -> tuple[Endpoint, ...]:
    """Return the addresses on the `nameserver` lines of a resolv.conf(5), without those of one interface.

    What stands behind `%` is lost on the way to a connected UDP socket, so nobody could be asked there.
    """
    found = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            try:
                address = ip_address(words[1])
            except ValueError:
                continue
            if getattr(address, "scope_id", None) is None:
                found.append(Endpoint(str(address), 53))
    return tuple(dict.fromkeys(found))


def read_system_resolvers(
    own: Collection[Endpoint], paths: Collection[Path] = RESOLV_CONF
) -> tuple[Endpoint, ...]:
    """Return the resolvers of the first file that names some which are not ourselves."""
    for path in paths:
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        found = tuple([at for at in system_resolvers(text) if not is_own(at, own)])
        if found:
            return found
    return ()
