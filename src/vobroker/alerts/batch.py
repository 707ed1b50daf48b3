"""A batch of alerts of one survey and schema: common columns now, the rest when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa


@dataclass(frozen=True, slots=True)
class Cutout:
    """One image stamp as it came: ``kind`` is difference, science or template; ``fits`` is plain FITS bytes."""

    kind: str
    fits: bytes


class AlertBatch(Protocol):
    """What every floor above sees of decoded alerts. Rows are in order of arrival.

    Attributes
    ----------
    survey
        Name of the survey file, such as ``lsst`` or ``ztf``.
    alert
        Common columns, in the order and types of :data:`vobroker.alerts.columns.ALERT`.
    packet
        Original packet of each row as it arrived (``large_binary``). A packet out of a container of
        several alerts is a container of its own, with the same header and the same datum bytes.
    origin
        Columns ``source`` (string), ``partition`` (int32), ``position`` (int64).
    """

    survey: str
    schema_version: str
    alert: pa.RecordBatch
    packet: pa.LargeBinaryArray
    origin: pa.RecordBatch

    def __len__(self) -> int: ...

    def native(self, names: Sequence[str] | None = None) -> pa.RecordBatch:
        """Native scalar columns as published, with ``survey`` and ``alert_id`` first."""
        ...

    def measurements(self) -> pa.RecordBatch:
        """All detections, forced photometry and limits of the rows, in ``MEASUREMENT`` columns.

        The triggering detection is among them. A column ``row`` (int32) comes before the others and
        gives the alert's row in the batch.
        """
        ...

    def cutouts(self, row: int) -> tuple[Cutout, ...]:
        """Image stamps of one alert."""
        ...

    def take(self, rows: pa.Array) -> AlertBatch:
        """Some of the rows, as a batch."""
        ...
