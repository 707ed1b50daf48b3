"""What is known of places: the sky page and its maps, and what an object's page tells of catalogues."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from lxml import html
from matplotlib.image import imread
from tests.enrich.classifiers.models import BRIGHT, SIGMOID, written

from vobroker.alerts.schemas import default_schemas
from vobroker.archive import open_archive
from vobroker.enrich import Enrichment, catalogue, region, skymap
from vobroker.enrich.classifiers import classifier
from vobroker.enrich.formats import open_source
from vobroker.filters import compile_filter
from vobroker.pipeline.river import run
from vobroker.sky import healpix29, offset
from vobroker.sources import files
from vobroker.web import overlays

from .conftest import HOSTILE_FILTER, SCRIPT, Served, serving

RA, DEC = 0.81429, 16.145693
SUPERNOVA = "/objects/ztf/ZTF21abiuvdk"


@pytest.fixture(scope="module")
def known(series: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A supernova, three galaxies around it of which the third is too far, a region and a sky map with it."""
    folder = tmp_path_factory.mktemp("known") / "archive"
    galaxies = folder.parent / "galaxies.csv"
    around = [offset(RA, DEC, angle, apart / 3600) for angle, apart in ((90, 4.0), (0, 2.0), (45, 12.0))]
    rows = [f"{name},{ra:.8f},{dec:.8f},0.0{n}" for n, (name, (ra, dec)) in
            enumerate(zip(("east", SCRIPT, "far"), around, strict=True))]  # fmt: skip
    galaxies.write_text("\n".join(["name,ra,dec,z", *rows]) + "\n")
    deep = folder.parent / "deep.json"
    cell = int(healpix29(RA, DEC))
    deep.write_text(json.dumps({"3": [cell >> 52], "12": [cell >> 34, 0]}))
    probability = np.full(12 * 4**3, 0.1 / (12 * 4**3 - 1))
    probability[cell >> 52] = 0.9
    column = fits.Column("PROB", "D", array=probability)
    told = fits.BinTableHDU.from_columns([column])
    told.header.update({"PIXTYPE": "HEALPIX", "ORDERING": "NESTED", "NSIDE": 8, "COORDSYS": "C"})
    told.writeto(folder.parent / "gw.fits")
    filters = [compile_filter("hostile", HOSTILE_FILTER)]
    with open_archive(folder) as archive:
        store = overlays.store_of(archive)
        roles = catalogue.Roles("ra", "dec", id="name", radius=10)
        catalogue.add(store, "galaxies", open_source(galaxies), roles, description=f"Galaxies {SCRIPT}")
        region.add(store, "deep", deep, description=f"Deep {SCRIPT}")
        skymap.add(store, "gw", folder.parent / "gw.fits")
        declared = BRIGHT.replace("Sigmoid of the magnitude", f"A chance {SCRIPT}")
        classifier.add(store, written(folder.parent / "model", SIGMOID, declared), {})
        run(
            files.read([series[0].parent]),
            archive,
            schemas=default_schemas(),
            filters=filters,
            enrichment=Enrichment.open(store),
        )
        with serving(archive, filters) as served:
            yield served


def test_object_has_all_matches_with_their_columns_and_where_it_lies(known: Served) -> None:
    told = known.json(SUPERNOVA)
    (galaxies,) = told["crossmatch"]
    assert galaxies["number"] == 2
    found = [(m["rank"], m["source_id"], round(m["separation"], 1)) for m in galaxies["matches"]]
    assert found == [(1, SCRIPT, 2.0), (2, "east", 4.0)]
    angles = [match["position_angle"] for match in galaxies["matches"]]
    assert np.cos(np.radians(angles)) == pytest.approx([1, 0], abs=0.05)
    assert [match["values"]["z"] for match in galaxies["matches"]] == [0.01, 0.0]
    assert [column["name"] for column in galaxies["columns"]] == ["z"]
    assert [one["table"] for one in told["regions"]] == ["region_deep"]
    assert told["skymaps"][0]["credible_level"] == pytest.approx(0.9, abs=0.01)
    (model,) = told["classifiers"]
    said = {column["name"]: column["value"] for column in model["columns"]}
    assert (model["table"], said["model_version"]) == ("classifier_bright", "1.2")
    assert said["p"] == pytest.approx(1 / (1 + np.exp(-told["latest"]["mag"])), rel=1e-6)
    context = {row["name"]: row["value"] for row in told["context"]}
    assert context["galactic_latitude"] == pytest.approx(-45.2, abs=0.2)
    page = html.fromstring(known.get(SUPERNOVA).text)
    assert len(page.xpath("//svg[@class='finder']//g[contains(@class, 'mark ')]")) == 2
    assert page.xpath("//section[@aria-labelledby='classifiers']//dd/text()") == ["1", "1.2"]
    latest = told["latest"]
    alert = known.json(f"/alerts/{latest['survey']}/{latest['alert_id']}")
    assert alert["crossmatch"] == told["crossmatch"]


def test_matches_outlive_their_catalogue(known: Served) -> None:
    folder = overlays.store_of(known.archive) / "galaxies"
    folder.rename(folder.with_name(".away"))
    try:
        (galaxies,) = known.json(SUPERNOVA)["crossmatch"]
        assert known.get(SUPERNOVA).status_code == 200
    finally:
        folder.with_name(".away").rename(folder)
    assert [match["source_id"] for match in galaxies["matches"]] == [SCRIPT, "east"]
    assert galaxies["matches"][0]["values"]["z"] == 0.01
    assert galaxies["matches"][1]["values"] == {}


def test_light_curve_is_asked_for_over_tap(known: Served) -> None:
    asked = known.json(SUPERNOVA)["queries"]
    answer = known.get(asked["tap"].removeprefix(known.address))
    assert answer.status_code == 200
    assert b"VOTABLE" in answer.content
    assert known.get(asked["editor"]).status_code == 200


@pytest.mark.parametrize("path", ["/sky", SUPERNOVA, "/filters/hostile/live"])
def test_what_means_harm_is_only_text(known: Served, path: str) -> None:
    page = known.get(path)
    assert page.status_code == 200
    scripts = html.fromstring(page.text).xpath("//script")
    assert all(one.get("src") or one.get("type") == "application/json" for one in scripts)
    assert SCRIPT not in page.text
    rule = page.headers["content-security-policy"]
    assert "unsafe-inline" not in rule
    assert "http" not in rule
    assert ("wasm-unsafe-eval" in rule) == (path == "/sky")


def test_alerts_of_a_cone_a_night_and_a_filter(known: Served) -> None:
    all_of_them = known.json("/sky")
    nights = {row["night"] for row in all_of_them["alerts"]}
    night = max(nights)
    assert len(all_of_them["alerts"]) == known.json(SUPERNOVA)["alerts_in_all"]
    here = f"/sky?ra={RA}&dec={DEC}&radius=0.01"
    assert known.json(here)["alerts"] == all_of_them["alerts"]
    assert known.json(f"/sky?ra={RA + 0.1}&dec={DEC}&radius=0.01")["alerts"] == []
    chosen = known.json(f"{here}&night={night}&filter=hostile")
    assert {row["night"] for row in chosen["alerts"]} == {night}
    assert all(row["streams"] == ["hostile"] for row in chosen["alerts"])
    assert known.json("/sky?filter=nothing")["alerts"] == []
    asked = known.get("/query", params={"q": chosen["adql"], "format": "json"}).json()
    assert [row["alert_id"] for row in asked["rows"]] == [row["alert_id"] for row in chosen["alerts"]]
    assert known.get(chosen["search"]).status_code == 200
    assert len(known.json("/sky?limit=1")["alerts"]) == 1


def test_density_is_a_hips_whose_tiles_count_the_alerts(known: Served) -> None:
    base = known.json("/sky")["hips"]
    lines = known.get(f"{base}/properties").text.splitlines()
    told = dict(line.replace(" ", "").split("=", 1) for line in lines)
    assert (told["hips_order"], told["hips_tile_format"], told["hips_frame"]) == ("3", "png", "equatorial")
    cell = int(healpix29(RA, DEC))
    for order in (0, 3):
        inside = cell >> 2 * (29 - order - 6)
        tile = imread(io.BytesIO(known.get(f"{base}/Norder{order}/Dir0/Npix{inside >> 12}.png").content))
        assert tile.shape == (64, 64, 4)
        down, right = np.nonzero(tile[..., 3])
        bits = [(inside & 0xFFF) >> n & 1 for n in range(12)]
        place = [sum(bit << n for n, bit in enumerate(bits[odd::2])) for odd in (0, 1)]
        assert [down.tolist(), right.tolist()] == [[place[0]], [place[1]]]
        empty = imread(io.BytesIO(known.get(f"{base}/Norder{order}/Dir0/Npix7.png").content))
        assert not empty[..., 3].any()
    whole = imread(io.BytesIO(known.get(f"{base}/Norder3/Allsky.png").content))
    assert whole.shape == (29 * 64, 27 * 64, 4)
    assert np.count_nonzero(whole[..., 3]) == 1
    with fits.open(io.BytesIO(known.get(f"{base}/Moc.fits").content)) as file:
        assert file[1].data["UNIQ"].tolist() == [4 * 4**3 + (cell >> 52)]


def test_maps_are_mocs_of_a_bounded_order(known: Served) -> None:
    cell = int(healpix29(RA, DEC))
    deep = known.json("/sky/moc/region/deep.json?order=10")
    assert deep == {"3": [cell >> 52], "10": [0]}
    assert known.json("/sky/moc/region/deep.json?order=2") == {"2": sorted({0, cell >> 54})}
    assert known.json("/sky/moc/skymap/gw.json?order=3&level=0.9") == {"3": [cell >> 52]}
    night = known.json("/sky")["alerts"][0]["night"]
    assert known.json(f"/sky/moc/night/{night}.json?order=5") == {"5": [cell >> 48]}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/sky?ra=1&dec=2", 422),
        ("/sky?ra=nan&dec=2&radius=1", 422),
        ("/sky?ra=361&dec=2&radius=1", 422),
        ("/sky?ra=1&dec=2&radius=-1", 422),
        ("/sky?night=1", 422),
        ("/sky?limit=100000", 422),
        ("/sky/hips/-/-/Norder4/Dir0/Npix1.png", 422),
        ("/sky/hips/-/-/Norder0/Dir0/Npix12.png", 404),
        ("/sky/hips/-/-/Norder0/Dir0/Npix-1.png", 422),
        ("/sky/hips/yesterday/-/properties", 422),
        ("/sky/moc/region/deep.json?order=29", 422),
        ("/sky/moc/region/none.json", 404),
        ("/sky/moc/region/galaxies.json", 404),
        ("/sky/moc/region/..%2fdeep.json", 404),
        ("/sky/moc/skymap/gw.json?level=2", 422),
        ("/sky/moc/night/18000101.json", 404),
        ("/filters/none/live", 404),
        ("/filters/hostile/live/rows?alert=ztf", 422),
        ("/filters/hostile/live/rows?alert=ztf:99999999999999999999", 422),
        ("/filters/hostile/live/rows?" + "alert=ztf:1&" * 31, 422),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(known: Served, path: str, status: int) -> None:
    answer = known.get(path, headers={"Accept": "application/json"})
    assert answer.status_code == status
    if answer.headers["content-type"] == "application/json":
        assert answer.json()["sentence"]


def test_page_of_a_stream_says_where_it_is_and_gives_rows(known: Served) -> None:
    told = known.json("/filters/hostile/live")
    first = told["matches"][0]
    page = told["address"].replace("/events", "/page")
    assert known.get(f"{page}?since={told['cursor']}").json()["messages"] == []
    asked = f"alert={first['survey']}:{first['alert_id']}&alert=ztf:1"
    rows = html.fragments_fromstring(known.get(f"/filters/hostile/live/rows?{asked}").text.strip())
    assert [row.get("data-alert") for row in rows] == [f"{first['survey']}:{first['alert_id']}"]
