"""What an address may hold; everything larger is refused before the archive is asked."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query

Name = Annotated[str, Path(max_length=128)]
"""A name in the path: of a survey, a filter, an object."""

Identifier = Annotated[int, Path(ge=-(2**63), lt=2**63)]
"""A 64-bit identifier in the path."""

PageSize = Annotated[int, Query(ge=1, le=200)]
"""Rows on a page."""

Before = Annotated[int | None, Query(ge=0, lt=2**63)]
"""Number of the row that a page ends before; none for the newest."""
