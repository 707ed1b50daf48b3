"""Light curves and cutouts of some alerts that a filter lets pass, as a folder to look at."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

    from vobroker.archive import Archive
    from vobroker.filters import Filter, Nights

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem}}
img{{max-width:100%}} .stamp{{width:150px;image-rendering:pixelated}}
figure{{display:inline-block;margin:0 1rem 0 0}}</style>
</head><body><main><h1>{title}</h1><p>{about}</p>
{alerts}
</main></body></html>
"""


def write_samples(
    filter_: Filter,
    archive: Archive,
    folder: Path,
    count: int,
    shown: Progress,
    *,
    seconds: float,
    nights: Nights,
) -> list[Path]:
    """Write ``index.html`` and the pictures of some alerts; give the files.

    Light curve and cutouts are those of the packet: what was known when the alert came.

    Raises
    ------
    ArchiveError
        If a packet cannot be read.
    OSError
        If a file cannot be written.
    """
    from vobroker.filters.trial import packet_of, samples
    from vobroker.filters.trial_plot import night_name
    from vobroker.timeseries import plot
    from vobroker.web import images

    place = folder / filter_.name
    place.mkdir(parents=True, exist_ok=True)
    written, sections = [], []

    def put(name: str, content: bytes) -> str:
        (place / name).write_bytes(content)
        written.append(place / name)
        return name

    chosen = samples(filter_, archive, count, seconds=seconds, nights=nights).to_pylist()
    task = shown.add_task("samples", total=len(chosen), note=filter_.name)
    for row in chosen:
        name = f"{row['survey']}_{row['alert_id']}"
        light_curve, cutouts = packet_of(archive, row)
        curve = put(f"{name}_lightcurve.png", plot.render(light_curve, "png"))
        stamps = [
            (one.kind, put(f"{name}_{one.kind}.png", images.png(one.fits) or images.placeholder()))
            for one in cutouts
        ]
        sections.append(_section(row, night_name(row["night"]), curve, stamps))
        shown.advance(task)
    about = (
        f"{filter_.name}, version {filter_.version}: {len(chosen)} of the alerts that pass,"
        " with what their packets told at the time."
    )
    page = _PAGE.format(title=escape(filter_.title), about=escape(about), alerts="\n".join(sections))
    put("index.html", page.encode())
    return written


def _section(row: dict[str, object], night: str, curve: str, stamps: list[tuple[str, str]]) -> str:
    """Write one alert."""
    mag = "" if row["mag"] is None else f", {row['band']} = {row['mag']:.2f} mag"
    head = f"{row['survey']} {row['object_id'] or row['alert_id']}"
    figures = "".join(
        f'<figure><img class="stamp" src="{escape(file)}" alt="{escape(kind)} image">'
        f"<figcaption>{escape(kind)}</figcaption></figure>"
        for kind, file in stamps
    )
    return (
        f"<section><h2>{escape(head)}</h2><p>alert {row['alert_id']}, night of {night}{escape(mag)}</p>"
        f'<img src="{escape(curve)}" alt="Light curve of {escape(head)}"><div>{figures}</div></section>'
    )
