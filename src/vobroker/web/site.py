"""What every page has at hand: the archive, the filters, the name of the site."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event
from typing import Annotated, cast

from fastapi import Depends, Request

from vobroker.archive import Archive, files_of
from vobroker.enrich.layer import has_one_row
from vobroker.enrich.store import FOLDER
from vobroker.filters import Filter, Running, Saved
from vobroker.gateway.listening import Gateway
from vobroker.gateway.seal import Seals
from vobroker.sources.lag import Behind
from vobroker.tap import Service
from vobroker.votypes.columns import Table
from vobroker.web.hips import Density
from vobroker.web.oidc import Provider
from vobroker.web.pulse import Pulse
from vobroker.web.sessions import Sessions
from vobroker.web.uploads import Uploads


@dataclass
class Site:
    """A broker as its pages show it."""

    archive: Archive
    filters: Running
    title: str
    tap: Service
    """The TAP service beside the pages, which answers their queries too."""
    gateway: Gateway
    """The streams beside the pages: with one count of who failed, and one audit log."""
    backgrounds: Mapping[str, str] = field(default_factory=dict)
    """HiPS of elsewhere that a reader of the sky page may choose: addresses by name."""
    lag: Callable[[], Sequence[Behind]] | None = None
    """Says how far the archive is behind Kafka, where this process reads from it."""
    oidc: Provider | None = None
    """Where people sign in besides."""
    pulse: Pulse = field(init=False)
    density: Density = field(init=False)
    sessions: Sessions = field(init=False)
    uploads: Uploads = field(init=False)
    closing: Event = field(default_factory=Event)
    """Set when the server is about to stop: streams end by themselves."""

    def __post_init__(self) -> None:
        self.pulse = Pulse(self.archive, self.filters)
        self.density = Density(self.archive)
        files = files_of(self.archive.place)
        self.sessions = Sessions(Seals.of(files), self.tap.roles, files)
        self.uploads = Uploads(files / FOLDER)

    @property
    def may_sign_in(self) -> bool:
        """Whether there is anybody who could sign in."""
        return self.tap.roles.tokens.file is not None


def with_saved(tap: Service, operators: Sequence[Filter]) -> Running:
    """Give the filters of an archive's operators together with those that users keep beside it."""

    def tables() -> dict[str, Table]:
        return {name: table for name, table in tap.archive.native_tables().items() if has_one_row(name)}

    saved = Saved(files_of(tap.archive.place))
    return Running(operators, saved, tap.roles.limits, enriched=tables)


def site_of(request: Request) -> Site:
    """Give the site that a request is for."""
    return cast("Site", request.app.state.site)


SiteHere = Annotated[Site, Depends(site_of)]
"""A parameter of a page that is the site."""
