"""What the service says of itself is what it does: one file of roles, four places that tell it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from tests.tap.conftest import serving

from vobroker.archive import Archive, open_archive
from vobroker.platforms.documents import parse
from vobroker.platforms.read import from_document
from vobroker.roles import RolesError, read_roles


@dataclass(frozen=True)
class Told:
    """What a service does and says of the most rows that a guest gets when not asked for."""

    cut_at: int
    capabilities: int
    descriptor: int
    page: str


def roles_file(folder: Path, **guest: int) -> Path:
    """The roles that ship, with other limits for guests."""
    text = (Path(read_roles.__code__.co_filename).parent / "roles.toml").read_text()
    for name, value in guest.items():
        text = re.sub(rf"(?m)^{name} = \S+", f"{name} = {value}", text, count=1)
    file = folder / "roles.toml"
    file.write_text(text)
    return file


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    with open_archive(tmp_path_factory.mktemp("archive")) as archive:
        yield archive


def told(archive: Archive, folder: Path, rows: int) -> Told:
    folder.mkdir()
    roles = read_roles(roles_file(folder, rows=rows))
    with serving(archive, folder, roles) as served:
        site = served.address.removesuffix("/tap")
        result = served.query("SELECT column_name FROM tap_schema.columns", RESPONSEFORMAT="json").json()
        descriptor = from_document(parse(httpx.get(f"{site}/platform/descriptor.yaml").content, "ours"))
        page = httpx.get(f"{site}/platform").text
        limit = re.search(r"<outputLimit><default[^>]*>(\d+)", served.get("/capabilities").text)
        row = re.search(r"Rows of a result, when not asked for</th><td>([^<]*)</td>", page)
        assert httpx.get(f"{site}/platform/capabilities", follow_redirects=True).text.count("outputLimit")
        return Told(
            len(result["rows"]),
            int(limit[1]),
            descriptor.roles["guest"]["rows"].value,
            row[1],
        )


def test_a_limit_of_the_roles_file_is_what_service_capabilities_descriptor_and_page_say(
    archive: Archive, tmp_path: Path
) -> None:
    assert told(archive, tmp_path / "one", 11) == Told(11, 11, 11, "11")
    assert told(archive, tmp_path / "other", 37) == Told(37, 37, 37, "37")


def test_a_guest_cannot_be_given_more_than_a_user(tmp_path: Path) -> None:
    with pytest.raises(RolesError, match=r"rows of .guest. is 200000, larger than that of .user., 100000"):
        read_roles(roles_file(tmp_path, rows=200_000))
