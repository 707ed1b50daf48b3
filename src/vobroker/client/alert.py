"""An alert as a listener has it: its columns at once, the rest when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vobroker.alerts.batch import AlertBatch
    from vobroker.timeseries import LightCurve
    from vobroker.voevent import VOEvent


class Source(Protocol):
    """Where an alert comes from."""

    def get(self, name: str, what: str, **asked: Any) -> bytes:
        """Get something of a stream."""
        ...

    def packet(self, name: str, cursor: str) -> bytes:
        """Get the survey's packet of an alert, as an Avro object container."""
        ...


_WHOLE = ("alert_id", "visit", "healpix")
"""Columns that are texts in JSON, as no number there holds 64 bits."""


@dataclass(frozen=True)
class Alert(Mapping[str, Any]):
    """One alert that passed a filter.

    Its columns are those of the table ``alert``: ``alert["mag"]`` or ``alert.mag``; 64-bit identifiers are
    integers, what is missing is None. Times named ``mjd`` are TAI.

    Attributes
    ----------
    stream, version
        Filter that it passed, and the filter's version.
    ivorn
        IVOA identifier of the event.
    created
        When it passed, UTC.
    cursor
        Place behind it: ``since=alert.cursor`` goes on with the next.
    columns
        The columns.
    """

    stream: str
    version: str
    ivorn: str
    created: datetime
    cursor: str
    columns: Mapping[str, Any]
    _source: Source

    @classmethod
    def of(cls, told: Mapping[str, Any], source: Source) -> Alert:
        """Take an alert out of a message."""
        columns = dict(told["alert"])
        for name in _WHOLE:
            columns[name] = None if columns.get(name) is None else int(columns[name])
        return cls(
            told["stream"],
            told["version"],
            told["ivorn"],
            datetime.fromisoformat(told["created"].replace("Z", "+00:00")),
            told["cursor"],
            columns,
            source,
        )

    def __getitem__(self, name: str) -> Any:
        return self.columns[name]

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("_") and name in self.columns:
            return self.columns[name]
        raise AttributeError(f"an alert has no {name}; its columns are {', '.join(self.columns)}")

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)

    def __repr__(self) -> str:
        mag = "" if self.columns["mag"] is None else f", {self.columns['mag']:.2f} mag"
        where = f"at {self.columns['ra']:.5f} {self.columns['dec']:+.5f}"
        return f"<{self.columns['survey']} alert {self.columns['alert_id']} {where}{mag}>"

    def as_json(self) -> dict[str, Any]:
        """Give the alert as JSON has it: 64-bit identifiers are strings."""
        columns = dict(self) | {name: str(self[name]) for name in _WHOLE if self[name] is not None}
        told = {"stream": self.stream, "version": self.version, "ivorn": self.ivorn, "cursor": self.cursor}
        return told | {"alert": columns}

    @cached_property
    def packet(self) -> bytes:
        """The survey's packet as it came, as an Avro object container of one alert."""
        return self._source.packet(self.stream, self.cursor)

    @cached_property
    def light_curve(self) -> LightCurve:
        """What the packet says of the object: detections, forced photometry and limits, as it was then."""
        return self._batch.light_curve(0, self.columns["object_id"] or "")

    @cached_property
    def cutouts(self) -> Cutouts:
        """The image stamps of the packet."""
        return Cutouts({one.kind: one.fits for one in self._batch.cutouts(0)})

    def to_voevent(self) -> VOEvent:
        """Give the alert as a VOEvent."""
        from vobroker.voevent import read

        return read(self._source.get(self.stream, f"at/{self.cursor}", format="voevent"))

    @cached_property
    def _batch(self) -> AlertBatch:
        from vobroker.alerts.decode import decode
        from vobroker.alerts.origin import Origin
        from vobroker.alerts.packets import RawBatch
        from vobroker.alerts.schemas import default_schemas

        decoded = decode(RawBatch([self.packet], [Origin(self.ivorn)]), default_schemas())
        (batch,) = decoded.batches
        return batch


class Cutouts(dict[str, bytes]):
    """Image stamps in FITS, by kind: science, template, difference."""

    def show(self) -> Figure:
        """Draw them side by side."""
        import io

        import numpy as np
        from astropy.io import fits
        from matplotlib.figure import Figure

        figure = Figure(figsize=(2.6 * max(1, len(self)), 2.9), layout="constrained")
        panels = figure.subplots(1, max(1, len(self)), squeeze=False)[0]
        for axes, (kind, stamp) in zip(panels, self.items(), strict=False):
            with fits.open(io.BytesIO(stamp)) as opened:
                image = next(hdu.data for hdu in opened if hdu.data is not None)
            low, high = np.nanpercentile(image, [1, 99.5])
            axes.imshow(image, origin="lower", cmap="gray", vmin=low, vmax=high)
            axes.set_title(kind, fontsize=9)
            axes.set_xticks([])
            axes.set_yticks([])
        return figure
