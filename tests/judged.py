"""What the product makes of one list: read, compiled and asked as in the server."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

from resolver.config import load
from resolver.core.policy import Profile
from resolver.edge.builder import build
from resolver.parts import list_sources, make_policy


def profile(folder: Path, format: str, text: str) -> Profile:
    """Return what holds for a client whose only list has this text."""
    (folder / "list.txt").write_text(text)
    settings = f"lists: {{ads: {{path: list.txt, format: {format}, trusted: true}}}}\nstate: state\n"
    config = load(settings, "n.yaml", folder=folder, environment={})
    return make_policy(config, build(list_sources(config), None), 0).profile_for(ip_address("127.0.0.1"))
