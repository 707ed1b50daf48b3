"""The whole: fields, nights and visits in order, each visit with its alerts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from vobroker.alerts.schemas import ztf_schema_text
from vobroker.sources.simulator import ephemeris, observe, orbits, schedule, schemas, sites
from vobroker.sources.simulator.lsst import Lsst
from vobroker.sources.simulator.population import Population, populate
from vobroker.sources.simulator.schedule import Exposure, Field
from vobroker.sources.simulator.spool import Spool
from vobroker.sources.simulator.visit import Packets, Visit
from vobroker.sources.simulator.wire import Container, confluent_prefix
from vobroker.sources.simulator.ztf import Ztf

FIRST_NIGHT = date(2026, 3, 5)
_ARC_NIGHTS = 4  # asteroids of a field are drawn anew after so many nights
_MAX_NIGHTS, _MAX_FIELDS, _MAX_ALERTS = 1000, 16, 100_000
_BELT_SHARE, _FAST_SHARE = 0.10, 0.006


def simulate(
    survey: str,
    *,
    seed: int = 0,
    nights: int = 1,
    visits: int = 20,
    alerts_per_visit: int = 100,
    start: date = FIRST_NIGHT,
    history: bool = True,
    cutouts: bool = True,
    history_nights: int | None = None,
    fields: int | None = None,
    schema_version: str = "10.0",
) -> Iterator[Visit]:
    """Simulate nights of alerts, one visit after the other.

    Equal arguments give equal bytes.

    Parameters
    ----------
    survey
        ``lsst`` or ``ztf``.
    seed
        Of all random numbers.
    nights, visits
        Consecutive nights, and visits in each.
    alerts_per_visit
        Alerts of every visit.
    start
        Local evening of the first night.
    history
        Put earlier detections and forced photometry into the packets.
    cutouts
        Put image stamps into the packets.
    history_nights
        Nights before ``start`` in which the fields were observed already; by default 75 for LSST, so that
        packets reach the size of real ones from a deep field, and 30 for ZTF.
    fields
        Pointings that each night goes through; by default as many as fit the number of visits.
    schema_version
        LSST schema, 10.0, 11.0 or 11.1.

    Yields
    ------
    Visit
        In order of time.

    Raises
    ------
    ValueError
        If the survey or schema is unknown, a number is outside its limits, or a night has not room for the
        visits.
    """
    if survey not in sites.SURVEYS:
        raise ValueError(f"no survey {survey!r} to simulate; there are {', '.join(sites.SURVEYS)}")
    site = sites.SURVEYS[survey]
    past = site.history_nights if history_nights is None else history_nights
    count = schedule.field_count(site, visits) if fields is None else fields
    for name, value, least, most in (
        ("the number of nights", nights, 1, _MAX_NIGHTS),
        ("the number of visits", visits, 1, None),
        ("the number of alerts per visit", alerts_per_visit, 1, _MAX_ALERTS),
        ("the number of fields", count, 1, min(visits, _MAX_FIELDS)),
        ("the number of nights of history", past, 0, _MAX_NIGHTS),
        ("the seed", seed, 0, None),
    ):
        if value < least or (most is not None and value > most):
            limits = f"at least {least}" if most is None else f"between {least} and {most}"
            raise ValueError(f"{name} must be {limits}, not {value}")
    rng = np.random.default_rng([seed, 1])
    pointings = schedule.choose_fields(site, start, visits, count, rng)
    schema, wrap = _form(survey, schema_version)
    spool = Spool()
    known: dict[int, _FieldState] = {}
    for number in range(nights):
        night = start + timedelta(days=number)
        for exposure in schedule.exposures(site, pointings, night, visits, number=number, seed=seed):
            field = pointings[exposure.field]
            if field.index not in known:
                known[field.index] = _FieldState(
                    site,
                    field,
                    alerts=alerts_per_visit,
                    start=start,
                    nights=nights,
                    past_nights=past,
                    seed=seed,
                    schema=schema,
                    spool=spool,
                )
            yield known[field.index].visit(
                exposure, wrap=wrap, schema=schema, history=history, cutouts=cutouts
            )


def _form(survey: str, version: str) -> tuple[dict[str, Any], Callable[[bytes], bytes]]:
    """Give the schema of the packets and the function that wraps a datum as the survey sends it."""
    if survey == "ztf":
        container = Container(ztf_schema_text())
        return schemas.ztf(), lambda datum: container.file([datum])
    major, _, minor = version.partition(".")
    if not (major.isdigit() and minor.isdigit()):
        raise ValueError(f"an LSST schema version is written as 10.0, not {version!r}")
    prefix = confluent_prefix(int(major) * 100 + int(minor))
    return schemas.lsst(int(major), int(minor)), lambda datum: prefix + datum


class _FieldState:
    """One field through the simulation: its objects, its asteroids and what was seen so far."""

    def __init__(
        self,
        survey: sites.Survey,
        field: Field,
        *,
        alerts: int,
        start: date,
        nights: int,
        past_nights: int,
        seed: int,
        schema: dict[str, Any],
        spool: Spool,
    ) -> None:
        self._survey, self._field, self._seed, self._start = survey, field, seed, start
        self._alerts = alerts
        first = schedule.mjd_of(start) + 1 - survey.longitude / 360 + field.slot
        rng = np.random.default_rng([seed, 2, field.index])
        self._population = populate(survey, field, alerts, (first - past_nights, first, first + nights), rng)
        maker = Lsst if survey.name == "lsst" else Ztf
        self._maker = maker(field, self._population, spool, seed, schema)
        self._movers: dict[int, orbits.Orbits] = {}
        for exposure in schedule.past_exposures(survey, field, start, past_nights, seed):
            measured = observe.photometry(exposure, self._population, seed)
            self._maker.past(exposure, measured, observe.detect(exposure, self._population, measured, seed))

    def visit(
        self,
        exposure: Exposure,
        *,
        wrap: Callable[[bytes], bytes],
        schema: dict[str, Any],
        history: bool,
        cutouts: bool,
    ) -> Visit:
        """Observe the field once."""
        movers = self._asteroids(exposure)
        measured = observe.photometry(exposure, self._population, self._seed)
        found = observe.detect(
            exposure, self._population, measured, self._seed, movers=movers, wanted=self._alerts
        )
        ids, names, make = self._maker.alerts(
            exposure, measured, found, movers, history=history, stamps=cutouts
        )
        return Visit(
            self._survey.name,
            exposure.visit,
            exposure.night,
            exposure.band,
            exposure.mjd,
            self._survey.interval,
            exposure.ra,
            exposure.dec,
            Packets(len(ids), make, wrap),
            schema,
            _truth(exposure, self._population, found, ids, names, movers),
        )

    def _asteroids(self, exposure: Exposure) -> orbits.Orbits:
        """Asteroids that cross the field around this night."""
        day = (exposure.night - self._start).days
        if day not in self._movers:
            block = day // _ARC_NIGHTS * _ARC_NIGHTS
            middle = self._field.slot + schedule.mjd_of(self._start) + 1 - self._survey.longitude / 360
            belt = max(1, round(_BELT_SHARE * self._alerts * 1.15))
            fast = max(1, round(_FAST_SHARE * self._alerts))
            self._movers = {
                day: orbits.merge(
                    self._draw(belt, middle + block + 0.5 * (_ARC_NIGHTS - 1), block, fast=False),
                    self._draw(fast, middle + day, day, fast=True),
                )
            }
        return self._movers[day]

    def _draw(self, count: int, mjd: float, day: int, *, fast: bool) -> orbits.Orbits:
        rng = np.random.default_rng([self._seed, 3, self._field.index, day, int(fast)])
        radius = 0.9 * self._survey.radius * np.sqrt(rng.uniform(size=count))
        angle = rng.uniform(0, 2 * np.pi, count)
        ra, dec = ephemeris.from_plane(
            radius * np.cos(angle), radius * np.sin(angle), self._field.ra, self._field.dec
        )
        # Numbers that no other field or night has.
        first = ((day * 2 + int(fast)) * _MAX_FIELDS + self._field.index) * (self._alerts // 8 + 2)
        serial = first + np.arange(count)
        limit = self._survey.depth["r"] - (1.0 if not fast else 2.0)
        return orbits.draw(ra, dec, mjd, fast=np.full(count, fast), limit=limit, serial=serial, rng=rng)


def _truth(
    exposure: Exposure,
    population: Population,
    found: observe.Detections,
    ids: Any,
    names: list[str],
    movers: orbits.Orbits,
) -> pa.Table:
    """Tell what each alert of a visit is."""
    peak = np.full(len(found), np.nan)
    fixed, moving = found.member >= 0, found.asteroid >= 0
    peak[fixed] = population.peak[found.member[fixed]]
    with np.errstate(divide="ignore"):
        mag = 31.4 - 2.5 * np.log10(np.abs(found.true))
    peak[moving] = mag[moving]
    mag[~(fixed | moving)] = np.nan
    designations = [orbits.designation(int(movers.serial[i]))[0] if i >= 0 else None for i in found.asteroid]
    return pa.table(
        {
            "alert_id": pa.array(ids, pa.int64()),
            "object_id": pa.array(names, pa.string()),
            "name": pa.array(designations, pa.string()),
            "kind": pa.array([observe.KIND_NAMES[kind] for kind in found.kind.tolist()], pa.string()),
            "ra": found.true_ra,
            "dec": found.true_dec,
            "mag": pa.array(mag, from_pandas=True),
            "peak_mag": pa.array(peak, from_pandas=True),
            "visit": pa.array(np.full(len(ids), exposure.visit), pa.int64()),
            "mjd": np.full(len(ids), exposure.mjd),
        }
    )
