"""The one function of the client."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from vobroker.client.alert import Alert
from vobroker.client.errors import StreamError
from vobroker.client.remote import Remote

if TYPE_CHECKING:
    from vobroker.archive import Archive
    from vobroker.client.local import Local

DEFAULT = "http://127.0.0.1:8080"
"""Where ``vobroker serve`` is."""


def stream(
    name: str,
    *,
    since: str = "",
    at: str | Path | Archive | None = None,
    token: str | None = None,
    follow: bool | None = None,
) -> Iterator[Alert]:
    """Follow a stream: what has passed since, and then what comes, each alert once.

    An interruption of the connection is bridged: the broker is asked again, from the last alert on.

    Parameters
    ----------
    name
        Name of the stream, which is that of its filter.
    since
        Where to begin: ``2h`` ago (also s, m, d), a time in ISO 8601 (UTC), the ``cursor`` of an alert,
        ``beginning``, or with what comes when not given.
    at
        Address of a broker, or an archive: a folder, ``postgresql://…``, or one that is open. The environment
        variable VOBROKER_AT says it otherwise, or it is a broker on this machine.
    token
        Who listens; the environment variable VOBROKER_TOKEN when not given, else a guest.
    follow
        Whether to wait for what comes. A broker is followed and an archive is not, unless you say else.

    Yields
    ------
    Alert
        Alerts in order of their appearance in the stream.

    Raises
    ------
    StreamError
        If there is no such stream, place, broker or archive.

    Examples
    --------
    >>> for alert in vobroker.stream("young-supernova", since="2h"):  # doctest: +SKIP
    ...     print(alert.object_id, alert.mag)
    """
    place = at or os.environ.get("VOBROKER_AT") or DEFAULT
    if isinstance(place, Path):
        place = str(place)
    source: Remote | Local
    if isinstance(place, str) and place.startswith(("http://", "https://")):
        source = Remote(place, token or os.environ.get("VOBROKER_TOKEN"))
        follow = True if follow is None else follow
    else:
        try:
            from vobroker.client.local import Local
        except ModuleNotFoundError as error:
            raise StreamError(
                f"to read an archive needs {error.name}: pip install 'vobroker[broker]'"
            ) from None
        source = Local(place)
        follow = bool(follow)
    for told in source.messages(name, since, follow=follow):
        yield Alert.of(told, source)
