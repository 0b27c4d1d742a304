"""What the notice page is made of: read with the configuration, refused with file, line and column."""

from __future__ import annotations

from pathlib import Path

import pytest

from resolver.appearance import appearance_faults, make_appearance
from resolver.config import Config, load
from resolver.core.colours import Colour
from resolver.core.errors import PageFault
from resolver.web.markup import style
from tests.edge.certified import certify

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def configured(folder: Path, notice: str) -> Config:
    text = f"listen: {{notice: [192.0.2.1:80], notice_tls: [192.0.2.1:443]}}\nnotice: {{{notice}}}\n"
    return load(text, "n.yaml", folder=folder, environment={"HOME": str(folder)})


def test_logo_colour_text_and_certificate_are_there(tmp_path: Path) -> None:
    (tmp_path / "logo.png").write_bytes(PNG)
    certify(tmp_path, "notice.example")
    made = make_appearance(
        configured(
            tmp_path,
            "logo: logo.png, colour: '#ff0000', text: {en: Ask.}, requests: true,"
            " certificate: notice.pem, key: notice.key",
        )
    )
    assert made.look.logo.startswith("data:image/png;base64,")
    assert made.look.style == style(Colour(255, 0, 0))
    assert (made.look.text, made.look.forms) == ((("en", "Ask."),), True)
    assert made.certificate == (tmp_path / "notice.pem", tmp_path / "notice.key")


def test_without_a_word_of_the_owner_the_page_is_plain() -> None:
    made = make_appearance(load("", "n.yaml", folder=Path("/"), environment={}))
    assert (made.look.logo, made.look.forms, made.certificate) == ("", False, None)


@pytest.mark.parametrize(
    ("notice", "said"),
    [
        ("logo: none.png", "n.yaml:2:16: notice.logo: {folder}/none.png: No such file or directory"),
        ("logo: text.png", "n.yaml:2:16: notice.logo: {folder}/text.png: no picture in PNG, SVG or WebP"),
        ("logo: large.png", "n.yaml:2:16: notice.logo: {folder}/large.png: larger than 64 KiB"),
        ("logo: .", "n.yaml:2:16: notice.logo: {folder}: "),
        ("certificate: none.pem, key: none.key", "n.yaml:2:23: notice.certificate: {folder}/none.pem"),
        (
            "certificate: notice.pem, key: none.key",
            "n.yaml:2:40: notice.key: {folder}/none.key: No such file",
        ),
    ],
)
def test_what_cannot_be_taken_is_told_where_it_stands(tmp_path: Path, notice: str, said: str) -> None:
    certify(tmp_path, "notice.example")
    (tmp_path / "text.png").write_text("text")
    (tmp_path / "large.png").write_bytes(PNG + bytes(64 << 10))
    config = configured(tmp_path, notice)
    (fault,) = appearance_faults(config)
    assert fault.startswith(said.format(folder=tmp_path))
    with pytest.raises(PageFault):
        make_appearance(config)


def test_browsers_know_us_by_our_name_and_by_that_of_the_page_about_us() -> None:
    text = "server: {name: DNS.example, transparency: 'https://Www.Corp.example:8443/x'}"
    for given, own in ((text, {"dns.example", "www.corp.example"}), ("", set())):
        made = make_appearance(load(given, "n.yaml", folder=Path("/"), environment={}))
        assert made.own == own
