"""Real packets and the schema of the standard."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree


def packet(file: Path) -> bytes:
    """A sample packet; the FRB samples have lines for people before the XML."""
    content = file.read_bytes()
    return content[content.index(b"<?xml") :] if b"<?xml" in content else content


@pytest.fixture(scope="session")
def samples(shared: Path) -> dict[str, bytes]:
    """The sample packets by name; the FRB templates are forms to fill in and no XML."""
    files = sorted((shared / "voevent").glob("*.xml"))
    return {file.stem: packet(file) for file in files if "template" not in file.stem}


@pytest.fixture(scope="session")
def schema(shared: Path) -> etree.XMLSchema:
    """VOEvent-v2.0.xsd."""
    return etree.XMLSchema(etree.parse(shared / "voevent/schemas/VOEvent-v2.0.xsd"))
