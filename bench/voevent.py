"""Ways for a light curve into a VOEvent: how large, how fast, and what every reader makes of them.

One simulated alert and its light curve, short as they come with ZTF alerts and long as Rubin's will be, is
put into the packet in every way, and against them as a Group of Params for each measurement. Each packet is
then given to Comet's own validators, to voevent-parse, to astropy and to our reader. Nothing is counted as
read unless the numbers of the light curve come out of it.
"""

from __future__ import annotations

import argparse
import gzip
import io
import statistics
import time
import urllib.request
import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import comet
import numpy as np
import pyarrow as pa
import voeventparse
from astropy.io import votable as astropy_votable
from comet.utility import xml as comet_xml
from comet.validator.ivoid import CheckIVOID
from lxml import etree
from matplotlib.figure import Figure

from bench import report
from vobroker.cli.voevent_samples import alert
from vobroker.publish.lightcurve import embed, light_curve_of
from vobroker.publish.values import DATA_TYPES, text_of
from vobroker.timeseries import LightCurve, formats
from vobroker.timeseries.columns import MEASUREMENT
from vobroker.voevent import VOEvent, read, write
from vobroker.voevent.embedded import embed as embed_votable
from vobroker.voevent.model import Group, Param, What

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "voevent-embedded-table.md"
PLOT = ROOT / "docs" / "images" / "bench-voevent.png"
COMET_SCHEMA = Path(comet.__file__).parent / "schema" / "VOEvent-v2.0.xsd"
PARAMS = "Params, a Group a measurement"
NEXT = "VOTABLE element, next schema"
RUNS = 40


def as_params(event: VOEvent, curve: LightCurve) -> VOEvent:
    """Put the light curve in as packets do today: every value a Param with unit and UCD."""
    what = event.what or What()
    groups = []
    for number, point in enumerate(curve.points.to_pylist(), 1):
        params = [
            Param(c.name, text, c.unit or None, c.ucd or None, DATA_TYPES.get(c.type, "string"))
            for c in MEASUREMENT
            if (text := text_of(point[c.name], c)) is not None
        ]
        groups.append(Group(f"measurement {number}", "light curve", tuple(params)))
    return replace(event, what=replace(what, groups=(*what.groups, *groups)))


def escaped(event: VOEvent, curve: LightCurve) -> bytes:
    """Put the VOTable in as a text without CDATA, as writers do that know none."""
    parser = etree.XMLParser(strip_cdata=True)
    return etree.tostring(etree.fromstring(write(embed(event, curve, "votable")), parser))


def ways(event: VOEvent, curve: LightCurve) -> dict[str, Callable[[], bytes]]:
    """Name every way, and what makes its packet."""

    def uri(form: str) -> bytes:
        return write(embed_votable(event, formats.write(curve, "votable"), form))

    return {
        "no light curve": lambda: write(event),
        PARAMS: lambda: write(as_params(event, curve)),
        "Table of VOEvent": lambda: write(embed(event, curve, "table")),
        "VOTable in a text, CDATA": lambda: write(embed(event, curve, "votable")),
        "VOTable in a text, escaped": lambda: escaped(event, curve),
        "data: URI": lambda: uri("data"),
        "data: URI, gzip": lambda: uri("data-gzip"),
        NEXT: lambda: write(embed(event, curve, "next")),
    }


def milliseconds(function: Callable[[], Any], runs: int) -> float:
    """Give the median time of a call."""
    times = []
    for _ in range(runs):
        begun = time.perf_counter()
        function()
        times.append(time.perf_counter() - begun)
    return 1000 * statistics.median(times)


def by_comet(packet: bytes) -> str:
    """Say whether Comet would relay the packet: its parser and its validators decide."""
    try:
        document = comet_xml.xml_document(packet)
        CheckIVOID()(document)
        etree.XMLSchema(etree.parse(COMET_SCHEMA)).assertValid(document.element)
    except Exception as error:
        return f"nak: {' '.join(str(error).split())[:70]}"
    return "relays"


def by_voevent_parse(packet: bytes, curve: LightCurve) -> str:
    """Say how far voevent-parse comes, with the calls that a user would make of it."""
    try:
        event = voeventparse.loads(packet)
    except ValueError as error:
        event = voeventparse.loads(packet, check_version=False)
        said = f"with check_version=False ({error}), "
    else:
        said = "loads, valid, " if voeventparse.valid_as_v2_0(event) else "loads, not valid, "
    return said + _fluxes(event, curve)


def _fluxes(event: Any, curve: LightCurve) -> str:
    """Get the light curve out of an objectified tree, in whichever way it is there."""
    groups = [group for group in event.What.iter("Group") if group.get("type") == "light curve"]
    if groups:
        values = [p.get("value") for g in groups for p in g.iter("Param") if p.get("name") == "flux"]
        return _same([float(value) for value in values], curve, f"{len(values)} Params of one column")
    for table in event.What.iter("Table"):
        place = [field.get("name") for field in table.iter("Field")].index("flux")
        cells = [row.findall("TD")[place].text for row in table.iter("TR")]
        return _same([float(cell) if cell else np.nan for cell in cells], curve, "cells as texts")
    for value in event.What.iter("Value"):
        return _same(_of_astropy(value.text.encode()), curve, "the text; astropy reads it")
    for reference in event.What.iter("Reference"):
        with urllib.request.urlopen(reference.get("uri")) as opened:
            content = opened.read()
        packed = content[:2] == b"\x1f\x8b"
        content = gzip.decompress(content) if packed else content
        return _same(_of_astropy(content), curve, "the URI; urllib and astropy read it")
    for element in event.What.iter("{http://www.ivoa.net/xml/VOTable/v1.3}VOTABLE"):
        return _same(_of_astropy(etree.tostring(element)), curve, "the element; astropy reads it")
    return "no light curve"


def _of_astropy(document: bytes) -> list[float]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = astropy_votable.parse_single_table(io.BytesIO(document))
    return [float(value) for value in table.array["flux"].filled(np.nan)]


def _same(fluxes: list[float], curve: LightCurve, how: str) -> str:
    expected = curve.points["flux"].to_pylist()
    wanted = np.array([np.nan if value is None else value for value in expected])
    return (
        how
        if np.array_equal(np.array(fluxes, "f4"), wanted.astype("f4"), equal_nan=True)
        else "wrong numbers"
    )


def by_astropy(packet: bytes) -> str:
    """Say what astropy makes of the packet itself, as a VOTable."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            table = astropy_votable.parse(io.BytesIO(packet)).get_first_table()
        except Exception as error:
            return f"no VOTable ({type(error).__name__})"
    return f"{len(table.array)} rows"


def by_us(packet: bytes, curve: LightCurve) -> str:
    """Say whether our reader gives the light curve back, every value of it."""
    found = light_curve_of(read(packet))
    if found is None:
        return "only the event"
    return "whole" if found.points.equals(curve.points) else "not whole"


def longer(curve: LightCurve, length: int) -> LightCurve:
    """Give a light curve of a length, with the same kind of numbers at later times."""
    points = pa.concat_tables([curve.points] * (length // len(curve) + 1)).slice(0, length)
    rows = pa.array(np.arange(length))
    random = np.random.default_rng(1)
    mjd = points["mjd"].to_numpy() + np.arange(length) // len(curve) * 31.0
    flux = (points["flux"].to_numpy() * random.normal(1, 0.05, length)).astype("f4")
    changed = {"mjd": pa.array(mjd), "flux": pa.array(flux), "measurement_id": pa.compute.add(rows, 10**18)}
    for name, values in changed.items():
        points = points.set_column(points.schema.get_field_index(name), name, values)
    return LightCurve(curve.survey, curve.object_id, curve.ra, curve.dec, points)


def sizes(event: VOEvent, curve: LightCurve, runs: int) -> tuple[list[list[str]], dict[str, int]]:
    """Measure packets with one light curve: bytes, and milliseconds to make and to read."""
    schema = etree.XMLSchema(etree.parse(COMET_SCHEMA))
    rows, found = [], {}
    for name, make in ways(event, curve).items():
        packet = make()
        found[name] = len(packet)
        base = found.get(PARAMS, len(packet))
        rows.append(
            [
                name,
                f"{len(packet):,}",
                "" if name == "no light curve" else f"{len(packet) / base:.2f}",
                f"{len(gzip.compress(packet)):,}",
                f"{milliseconds(make, runs):.2f}",
                f"{milliseconds(lambda packet=packet: read(packet), runs):.2f}",
                f"{milliseconds(lambda packet=packet: light_curve_of(read(packet)), runs):.2f}",
                f"{milliseconds(lambda packet=packet: voeventparse.loads(packet, False), runs):.2f}",
                f"{milliseconds(lambda packet=packet: _comet(schema, packet), runs):.2f}",
            ]
        )
    return rows, found


def _comet(schema: etree.XMLSchema, packet: bytes) -> bool:
    return schema.validate(comet_xml.xml_document(packet).element)


HEADER = (
    *("form", "bytes", "of Params", "gzip", "made, ms", "event read, ms", "light curve read, ms"),
    *("voevent-parse, ms", "Comet, ms"),
)


def readers(event: VOEvent, curve: LightCurve) -> list[list[str]]:
    """Say what each reader makes of each form."""
    return [
        [name, by_comet(packet), by_voevent_parse(packet, curve), by_astropy(packet), by_us(packet, curve)]
        for name, make in ways(event, curve).items()
        for packet in [make()]
    ]


def draw(path: Path, short: dict[str, int], long: dict[str, int], lengths: tuple[int, int]) -> None:
    """Draw the sizes."""
    names = [name for name in short if name != "no light curve"][::-1]
    figure = Figure(figsize=(8, 4), layout="constrained")
    axes = figure.add_subplot()
    places = np.arange(len(names))
    for shift, values, length, color in (
        (0.2, short, lengths[0], "#9ab3dc"),
        (-0.2, long, lengths[1], "#4063a0"),
    ):
        kilobytes = [values[name] / 1000 for name in names]
        bars = axes.barh(places + shift, kilobytes, 0.38, color=color, label=f"{length} measurements")
        axes.bar_label(bars, labels=[f"{value:,.0f}" for value in kilobytes], padding=3, fontsize=8)
    axes.set_yticks(places, names)
    axes.set_xscale("log")
    axes.set_xlabel("size of the packet, kB")
    axes.set_xlim(5, 4 * max(long.values()) / 1000)
    axes.legend(loc="lower right", frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--points", type=int, default=500, help="measurements of the long light curve")
    parser.add_argument("--runs", type=int, default=RUNS, help="times that everything is measured")
    parser.add_argument("--write", action="store_true", help=f"write tables and plot into {PAGE.name}")
    options = parser.parse_args()
    event, curve = alert()
    long = longer(curve, options.points)
    text, all_sizes = [], []
    for one in (curve, long):
        rows, found = sizes(event, one, options.runs)
        all_sizes.append(found)
        title = f"{len(one)} measurements"
        report.show(title, HEADER, rows)
        text += [f"**{title}**", "", *report.markdown(HEADER, rows), ""]
    said = readers(event, curve)
    header = (
        "form",
        f"Comet {comet.__version__}",
        "voevent-parse",
        "astropy, the packet as VOTable",
        "vobroker",
    )
    report.show("what readers make of it", header, said)
    if options.write:
        report.between(PAGE, "sizes", "\n".join([*text, f"Measured on {report.machine()}, in one run."]))
        report.between(PAGE, "readers", "\n".join(report.markdown(header, said)))
        draw(PLOT, *all_sizes, (len(curve), len(long)))


if __name__ == "__main__":
    main()
