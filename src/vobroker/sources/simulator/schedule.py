"""Where the telescope points and when: fields visible from the site, visits through the night."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from vobroker.sources.simulator import ephemeris
from vobroker.sources.simulator.sites import Survey

_MJD_EPOCH = date(1858, 11, 17)
_PASS_HOURS = 2.0  # a group of fields is visited twice within this time
_FIRST_SEQUENCE = 41  # the first exposures of a night are calibrations


@dataclass(frozen=True, slots=True)
class Exposure:
    """One visit of a field. Angles in degrees, seeing (FWHM) in arcsec, ``mjd`` is the TAI midpoint."""

    survey: Survey
    night: date
    sequence: int
    field: int
    ra: float
    dec: float
    rotation: float
    mjd: float
    band: str
    airmass: float
    seeing: float
    depth: float

    @property
    def visit(self) -> int:
        """Identifier of the exposure: yyyymmdd of the local evening, then five digits."""
        return int(self.night.strftime("%Y%m%d")) * 100_000 + self.sequence

    @property
    def start_jd_utc(self) -> float:
        """Start of the exposure as Julian date in UTC."""
        half = self.survey.exposure / 2 / 86400
        return self.mjd - half - ephemeris.TAI_MINUS_UTC + 2_400_000.5


@dataclass(frozen=True, slots=True)
class Field:
    """A fixed pointing: its number in the survey, its centre in degrees and its slot in the night."""

    index: int
    number: int
    ra: float
    dec: float
    slot: float  # offset from the middle of the night in days


def mjd_of(night: date) -> int:
    """MJD at 0 h of a date."""
    return (night - _MJD_EPOCH).days


def dark_hours(survey: Survey, night: date) -> tuple[float, float]:
    """End of evening and begin of morning twilight, MJD in UTC."""
    midnight = mjd_of(night) + 1 - survey.longitude / 360.0
    times = midnight + np.arange(-0.5, 0.5, 1 / 1440)
    ra, dec = ephemeris.direction(-ephemeris.earth(times + ephemeris.TAI_MINUS_UTC))
    dark = ephemeris.altitude(ra, dec, times, survey.longitude, survey.latitude) < survey.horizon
    return float(times[dark][0]), float(times[dark][-1])


def choose_fields(
    survey: Survey, night: date, visits: int, fields: int, rng: np.random.Generator
) -> list[Field]:
    """Fields that pass high over the site in their slot of the night, away from the Milky Way.

    The nearer to the ecliptic the better, since that is where the asteroids are.
    """
    dusk, dawn = dark_hours(survey, night)
    length = visits * survey.interval / 86400
    chosen: list[Field] = []
    for index in range(fields):
        slot = length * ((index + 0.5) / fields - 0.5)
        meridian = float(ephemeris.sidereal((dusk + dawn) / 2 + slot, survey.longitude))
        ra = (meridian + rng.uniform(-28, 28, 400)) % 360
        dec = survey.latitude + rng.uniform(-35, 35, 400)
        vectors = ephemeris.unit(ra, dec)
        latitude = np.abs(ephemeris.direction(ephemeris.ecliptic(vectors))[1])
        plane = np.abs(ephemeris.direction(ephemeris.galactic(vectors))[1])
        cost = latitude + 1000.0 * (plane < 20) + rng.uniform(0, 12, 400)
        for other in chosen:
            apart = np.degrees(np.arccos(np.clip(vectors @ ephemeris.unit(other.ra, other.dec), -1, 1)))
            cost += 1000.0 * (apart < 2.9 * survey.radius)
        best = int(np.argmin(cost))
        number = 300 + 7 * index + int(rng.integers(0, 6))
        chosen.append(Field(index, number, float(ra[best]), float(dec[best]), slot))
    return chosen


def field_count(survey: Survey, visits: int) -> int:
    """Fields of a night by default: two or more visits each, and enough of them to follow the sky."""
    hours = visits * survey.interval / 3600
    return max(1, min(4, visits // 2), min(8, math.ceil(hours / _PASS_HOURS)))


def night_plan(survey: Survey, fields: list[Field], visits: int) -> list[tuple[Field, int]]:
    """Field and pass (0 or 1) of each visit of a night.

    Fields are taken in groups that follow the sky; each group is gone through twice, so that what moves
    is seen to move.
    """
    groups = max(1, math.ceil(visits * survey.interval / 3600 / _PASS_HOURS))
    plan: list[tuple[Field, int]] = []
    for group in range(groups):
        members = fields[len(fields) * group // groups : len(fields) * (group + 1) // groups]
        share = visits * (group + 1) // groups - visits * group // groups
        slots = [(member, turn) for turn in (0, 1) for member in members]
        plan += [slots[i * len(slots) // share] for i in range(share)]
    return plan


def exposures(
    survey: Survey, fields: list[Field], night: date, visits: int, *, number: int, seed: int
) -> list[Exposure]:
    """All visits of the ``number``-th night, centred on the middle of the dark hours.

    Raises
    ------
    ValueError
        If the night has not room for so many visits.
    """
    dusk, dawn = dark_hours(survey, night)
    room = int((dawn - dusk) * 86400 / (survey.interval + 1))
    if visits > room:
        raise ValueError(f"the night of {night:%Y-%m-%d} has room for {room} visits, not {visits}")
    rng = np.random.default_rng([seed, 11, mjd_of(night)])
    steps = rng.uniform(survey.interval - 1, survey.interval + 1, visits) / 86400
    starts = (dusk + dawn) / 2 - steps.sum() / 2 + np.cumsum(steps) - steps[0]
    conditions = _conditions(survey, rng, starts)
    out = []
    for i, (field, turn) in enumerate(night_plan(survey, fields, visits)):
        band = survey.sequence[(number + field.index) % len(survey.sequence)][turn]
        exposure = _expose(
            survey,
            field,
            night=night,
            sequence=_FIRST_SEQUENCE + i,
            start=float(starts[i]),
            band=band,
            conditions=conditions[i],
        )
        out.append(exposure)
    return out


def past_exposures(survey: Survey, field: Field, first: date, nights: int, seed: int) -> list[Exposure]:
    """Visits of one field in the ``nights`` before ``first``, oldest first."""
    out = []
    # Weather and other programmes decide the nights; about one in ``history_step`` is the field's.
    chance = np.random.default_rng([seed, 13, field.index])
    backs = np.sort(chance.permutation(np.arange(1, nights + 1))[: round(nights / survey.history_step)])[::-1]
    for back in backs.tolist():
        night = first - timedelta(days=back)
        dusk, dawn = dark_hours(survey, night)
        count = survey.history_visits
        rng = np.random.default_rng([seed, 12, mjd_of(night), field.index])
        span = count * survey.interval / 86400
        # The field culminates four minutes later each day back.
        centre = (dusk + dawn) / 2 + field.slot + back * (1 - 0.9972696) + rng.normal(0, 0.03)
        begin = min(max(centre - span / 2, dusk), dawn - span)
        starts = begin + np.arange(count) * survey.interval / 86400
        bands = sorted({band for pair in survey.sequence[:4] for band in pair}, key=survey.bands.index)
        conditions = _conditions(survey, rng, starts)
        for i in range(count):
            band = bands[(i * len(bands) // count + back) % len(bands)]
            exposure = _expose(
                survey,
                field,
                night=night,
                sequence=_FIRST_SEQUENCE + field.index * count + i,
                start=float(starts[i]),
                band=band,
                conditions=conditions[i],
            )
            out.append(exposure)
    return out


def _conditions(survey: Survey, rng: np.random.Generator, starts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Seeing in arcsec, extinction by thin cloud in mag, and camera rotation in deg, shape (n, 3)."""
    n = len(starts)
    night = rng.normal(0, 0.15)
    # A slow drift through the night with a little jitter from visit to visit.
    drift = 0.08 * np.sin(2 * np.pi * (starts * 3 + rng.uniform()))
    seeing = survey.seeing * np.exp(night + drift + rng.normal(0, 0.04, n))
    cloud = np.abs(rng.normal(0, 0.05)) + np.abs(rng.normal(0, 0.02, n))
    rotation = np.round(rng.uniform(0, 360, n), 3) if survey.name == "lsst" else np.zeros(n)
    return np.stack([seeing, cloud, rotation], axis=1)


def _expose(
    survey: Survey,
    field: Field,
    *,
    night: date,
    sequence: int,
    start: float,
    band: str,
    conditions: NDArray[np.float64],
) -> Exposure:
    height = ephemeris.altitude(field.ra, field.dec, start, survey.longitude, survey.latitude)
    mass = float(ephemeris.airmass(height))
    seeing, cloud, rotation = (float(value) for value in conditions)
    seeing *= mass**0.6
    extinction = {"u": 0.45, "g": 0.2, "r": 0.1, "i": 0.07, "z": 0.05, "y": 0.15}[band]
    depth = survey.depth[band] - 2.5 * math.log10(seeing / survey.seeing) - extinction * (mass - 1) - cloud
    middle = start + survey.exposure / 2 / 86400 + ephemeris.TAI_MINUS_UTC
    return Exposure(
        survey,
        night,
        sequence,
        field.index,
        field.ra,
        field.dec,
        rotation,
        middle,
        band,
        mass,
        seeing,
        depth,
    )
