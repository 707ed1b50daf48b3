"""Rubin alerts: LSST alert schema 10.0 to 11.1 in Confluent wire format."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vobroker.sources.simulator import cutouts, ephemeris, images, observe, orbits, schemas
from vobroker.sources.simulator.encode import RecordEncoder, Rows, text, varint
from vobroker.sources.simulator.history import History, avro_array
from vobroker.sources.simulator.observe import Detections, Photometry
from vobroker.sources.simulator.population import Population
from vobroker.sources.simulator.schedule import Exposure, Field, mjd_of
from vobroker.sources.simulator.spool import Spool

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

_YEAR = 365.25
_DELAY = 165.0 / 86400  # d from the exposure to its processing
_FORCED = 1 << 21  # forced photometry counts its ids from here

_PIXEL_FLAGS = (
    "",
    *("_" + name for name in ("bad", "cr", "crCenter", "edge", "nodata", "nodataCenter", "interpolated")),
    *("_" + name for name in ("interpolatedCenter", "offimage", "saturated", "saturatedCenter")),
    *("_" + name for name in ("suspect", "suspectCenter", "streak", "streakCenter")),
    *("_" + name for name in ("injected", "injectedCenter", "injected_template", "injected_templateCenter")),
)
_QUIET: dict[str, Any] = {
    "parentDiaSourceId": 0,
    "centroid_flag": False,
    "apFlux_flag": False,
    "apFlux_flag_apertureTruncated": False,
    "psfFlux_flag": False,
    "psfFlux_flag_noGoodPixels": False,
    "trail_flag": False,
    "trailAlgorithm": 0,
    "trailNdata": 0,
    "forced_PsfFlux_flag": False,
    "forced_PsfFlux_flag_noGoodPixels": False,
    "shape_flag": False,
    "shape_flag_no_pixels": False,
    "shape_flag_not_contained": False,
    "shape_flag_parent_source": False,
    "glint_trail": False,
    "reliabilityVersion": "simulated",
    **{f"pixelFlags{name}": False for name in _PIXEL_FLAGS},
}


class Lsst:
    """The alert production of one field: object statistics, histories, packets."""

    def __init__(
        self, field: Field, population: Population, spool: Spool, seed: int, schema: dict[str, Any]
    ) -> None:
        records = schemas.records(schema)
        self._source = RecordEncoder(records["diaSource"])
        self._forced = RecordEncoder(records["diaForcedSource"])
        self._object = RecordEncoder(records["diaObject"])
        self._ss_source = RecordEncoder(records["ssSource"])
        self._orbit = RecordEncoder(records["mpc_orbits"])
        self._population = population
        self._seed = seed
        self._target = f"simulated_field_{field.number}"
        self.sources, self.forced = History(spool), History(spool)
        self._objects = _Objects(population)
        self._orbit_bytes: dict[int, bytes] = {}

    def past(self, exposure: Exposure, measured: Photometry, detections: Detections) -> None:
        """Take an exposure into the history without making alerts of it."""
        self._take(exposure, measured, detections, None)

    def alerts(
        self,
        exposure: Exposure,
        measured: Photometry,
        detections: Detections,
        movers: orbits.Orbits,
        *,
        history: bool,
        stamps: bool,
    ) -> tuple[Integers, list[str], Any]:
        """Alert ids, object ids, and the function that makes the datums of some rows."""
        earlier = len(self.sources)
        ids, object_ids, rows = self._take(exposure, measured, detections, movers)
        records = rows.split()
        objects = self._object_records(exposure, detections, object_ids)
        solar = self._solar_system(exposure, detections, movers, ids=ids, object_ids=object_ids)
        head = [varint(i) for i in ids.tolist()]
        reason = b"\x02" + text("simulated_survey") + b"\x02" + text(self._target)
        since = exposure.mjd - _YEAR
        render = cutouts.rubin(exposure, self._population, detections, self._seed) if stamps else None

        def make(begin: int, end: int) -> list[bytes]:
            member = detections.member[begin:end]
            known = np.flatnonzero(member >= 0)
            none = avro_array(())
            before, forced = [none] * (end - begin), [none] * (end - begin)
            if history and len(known):
                past = self.sources.arrays(member[known], earlier, since)
                light = self.forced.arrays(member[known], earlier + 1, since)
                for i, a, b in zip(known.tolist(), past, light, strict=True):
                    before[i], forced[i] = avro_array(a), avro_array(b)
            pictures = render(begin, end) if render else [b"\x00\x00\x00"] * (end - begin)
            return [
                b"".join(
                    (
                        head[row],
                        reason,
                        records[row],
                        before[row - begin],
                        forced[row - begin],
                        objects[row],
                        solar[row],
                        pictures[row - begin],
                    )
                )
                for row in range(begin, end)
            ]

        labels = [
            f"ss{number}" if moving else str(number)
            for number, moving in zip(object_ids.tolist(), (detections.asteroid >= 0).tolist(), strict=True)
        ]
        return ids, labels, make

    def _take(
        self,
        exposure: Exposure,
        measured: Photometry,
        detections: Detections,
        movers: orbits.Orbits | None,
    ) -> tuple[Integers, Integers, Rows]:
        """Give ids to the detections, encode them, and add them and the forced photometry to the history."""
        ids = source_ids(exposure, detections.detector, np.arange(len(detections)))
        member = detections.member
        known = member >= 0
        new = known & (self._objects.id[member] == 0)
        self._objects.id[member[new]] = ids[new]
        # As Rubin does, an object gets the id of its first detection.
        object_ids = np.where(known, self._objects.id[member], ids)
        moving = detections.asteroid >= 0
        if movers is not None:
            serials = movers.serial[detections.asteroid[moving]]
            object_ids[moving] = [ss_object_id(int(serial)) for serial in serials]
        columns = self._source_columns(exposure, detections, ids, object_ids)
        rows = self._source.encode(columns, len(ids))
        row_of = np.full(len(self._population), -1)
        row_of[member[known]] = np.flatnonzero(known)
        self.sources.add(exposure.mjd, rows, row_of)
        self._objects.update(exposure, detections)
        self._take_forced(exposure, measured)
        return ids, object_ids, rows

    def _take_forced(self, exposure: Exposure, measured: Photometry) -> None:
        place = measured.place
        objects = np.flatnonzero((self._objects.id != 0) & place.covered)
        n = len(objects)
        static = self._population.static[exposure.band][objects]
        error = measured.error[objects]
        rng = np.random.default_rng([self._seed, 31, exposure.visit, exposure.field])
        jitter = rng.standard_normal((2, n))
        # The forced position is a little off the measured one, so the flux is a little different.
        flux = measured.flux[objects] + 0.08 * error * jitter[0]
        ra, dec = self._objects.position(objects)
        columns = {
            "diaForcedSourceId": source_ids(exposure, place.detector[objects], _FORCED + np.arange(n)),
            "diaObjectId": self._objects.id[objects],
            "ra": ra,
            "dec": dec,
            "visit": exposure.visit,
            "detector": place.detector[objects],
            "psfFlux": flux,
            "psfFluxErr": error,
            "midpointMjdTai": exposure.mjd,
            "scienceFlux": flux + static + 0.05 * error * jitter[1],
            "scienceFluxErr": 1.02 * error,
            "band": exposure.band,
            "timeProcessedMjdTai": exposure.mjd + _DELAY,
        }
        row_of = np.full(len(self._population), -1)
        row_of[objects] = np.arange(n)
        self.forced.add(exposure.mjd, self._forced.encode(columns, n), row_of)

    def _source_columns(
        self, exposure: Exposure, d: Detections, ids: Integers, object_ids: Integers
    ) -> dict[str, Any]:
        rng = np.random.default_rng([self._seed, 32, exposure.visit, exposure.field])
        n = len(d)
        normal = rng.standard_normal((14, n))
        uniform = rng.uniform(size=(3, n))
        snr, error = d.snr, d.error
        solar = d.asteroid >= 0
        dipole, cosmic, edge = (d.kind == kind for kind in (observe.DIPOLE, observe.COSMIC_RAY, observe.EDGE))
        bogus = d.kind >= observe.DIPOLE
        point = (exposure.seeing / 2.355) ** 2
        wide = np.where(cosmic, 0.15, 1.0) * point
        pixel = exposure.survey.pixel
        streak = d.rate * 3600 * exposure.survey.exposure / 86400
        trail = np.hypot(streak, exposure.seeing * (0.6 + 0.5 / np.sqrt(snr) * np.abs(normal[0])))
        stretch = np.hypot(trail, exposure.seeing) / exposure.seeing
        angle = np.where(streak > 0.5, d.angle + 2 * normal[1], uniform[0] * 360 - 180)
        noisy = 1.5 / snr
        hosted = np.zeros(n)
        known = d.member >= 0
        hosted[known] = self._population.host_radius[d.member[known]] > 0
        reliability = np.where(
            bogus, 0.5 * uniform[1] ** 1.5, 1.0 - 0.5 * uniform[1] ** 2 * np.minimum(1.0, 6.0 / snr)
        )
        return {
            **_QUIET,
            "diaSourceId": ids,
            "visit": exposure.visit,
            "detector": d.detector,
            "diaObjectId": np.ma.masked_array(object_ids, mask=solar),
            "ssObjectId": np.ma.masked_array(object_ids, mask=~solar),
            "midpointMjdTai": exposure.mjd,
            "ra": d.ra,
            "raErr": d.position_error / 3600 / np.cos(np.radians(d.dec)),
            "dec": d.dec,
            "decErr": d.position_error / 3600,
            "ra_dec_Cov": 0.05 * normal[2] * (d.position_error / 3600) ** 2,
            "x": d.x,
            "xErr": d.position_error / pixel,
            "y": d.y,
            "yErr": d.position_error / pixel,
            "apFlux": d.flux * stretch**0.3 + 1.44 * error * normal[3],
            "apFluxErr": 1.75 * error,
            "isNegative": d.flux < 0,
            "snr": snr,
            "psfFlux": d.flux,
            "psfFluxErr": error,
            "psfChi2": 1681 + 58 * normal[4] + np.where(bogus, 12 * snr**1.5, 0.0),
            "psfNdata": 1681,
            "psfFlux_flag_edge": edge,
            "trailFlux": np.where(streak > 0.5, d.flux * stretch, d.flux * (1 + 0.05 * np.abs(normal[5]))),
            "trailFluxErr": 0.03 * error * stretch,
            "trailRa": d.ra + 0.2 * d.position_error * normal[6] / 3600,
            "trailDec": d.dec + 0.2 * d.position_error * normal[7] / 3600,
            "trailLength": trail,
            "trailAngle": (angle + 180) % 360 - 180,
            "trail_flag_edge": edge,
            "dipoleMeanFlux": np.where(dipole, np.abs(d.flux), np.nan),
            "dipoleMeanFluxErr": np.where(dipole, error, np.nan),
            "dipoleFluxDiff": np.where(dipole, 0.1 * error * normal[8], np.nan),
            "dipoleFluxDiffErr": np.where(dipole, 1.4 * error, np.nan),
            "dipoleLength": np.where(dipole, 2 * images.DIPOLE_SHIFT * exposure.seeing, np.nan),
            "dipoleAngle": np.where(dipole, images.orientation(d), np.nan),
            "dipoleChi2": np.where(dipole, 1681 + 58 * normal[9], np.nan),
            "dipoleNdata": np.where(dipole, 1681, 0),
            "scienceFlux": d.flux + d.static + 0.05 * error * normal[10],
            "scienceFluxErr": 1.02 * error,
            "forced_PsfFlux_flag_edge": edge,
            "templateFlux": d.static + 0.03 * error * normal[11],
            "templateFluxErr": 0.05 * error,
            "ixx": wide * stretch * (1 + noisy * normal[12]).clip(0.1),
            "iyy": wide * stretch * (1 + noisy * normal[13]).clip(0.1),
            "ixy": wide * 0.5 * noisy * normal[8],
            "ixxPSF": point,
            "iyyPSF": 0.98 * point,
            "ixyPSF": 0.01 * point,
            "extendedness": np.where(hosted > 0, 0.4 + 0.6 * uniform[2], 0.4 * uniform[2] ** 3),
            "reliability": reliability,
            "band": exposure.band,
            "isDipole": dipole,
            "dipoleFitAttempted": dipole,
            "timeProcessedMjdTai": exposure.mjd + _DELAY,
            "bboxSize": (10 + 5 * np.log(snr) + 5 * streak).astype(np.int64),
            "exposureTime": exposure.survey.exposure,
            "pixelFlags": edge | cosmic,
            "pixelFlags_edge": edge,
            "pixelFlags_cr": cosmic,
            "pixelFlags_crCenter": cosmic,
            "pixelFlags_interpolated": cosmic,
            "pixelFlags_interpolatedCenter": cosmic,
        }

    def _object_records(self, exposure: Exposure, d: Detections, object_ids: Integers) -> list[bytes]:
        """DiaObject of each row as a union; null for what moves."""
        columns = self._objects.columns(exposure, d, object_ids)
        records = self._object.encode(columns, len(d)).split()
        return [
            b"\x00" if moving else b"\x02" + record
            for moving, record in zip((d.asteroid >= 0).tolist(), records, strict=True)
        ]

    def _solar_system(
        self,
        exposure: Exposure,
        d: Detections,
        movers: orbits.Orbits,
        *,
        ids: Integers,
        object_ids: Integers,
    ) -> list[bytes]:
        """SsSource and mpc_orbits of each row as unions; null for what stands still."""
        solar = [b"\x00\x00"] * len(d)
        rows = np.flatnonzero(d.asteroid >= 0)
        if len(rows) == 0:
            return solar
        which = d.asteroid[rows]
        serials = movers.serial[which].tolist()
        columns = _ss_columns(exposure, d, rows, orbits.apparent(movers, exposure.mjd), which)
        columns |= {
            "diaSourceId": ids[rows],
            "ssObjectId": object_ids[rows],
            "designation": np.array([orbits.designation(serial)[0] for serial in serials]),
        }
        sources = self._ss_source.encode(columns, len(rows)).split()
        if any(serial not in self._orbit_bytes for serial in serials):
            table = orbits.elements(movers)
            for i, serial in zip(which.tolist(), serials, strict=True):
                if serial not in self._orbit_bytes:
                    orbit = self._orbit.encode(_orbit_columns(movers, table, i), 1)
                    self._orbit_bytes[serial] = orbit.data
        for row, source, serial in zip(rows.tolist(), sources, serials, strict=True):
            solar[row] = b"\x02" + source + b"\x02" + self._orbit_bytes[serial]
        return solar


def source_ids(exposure: Exposure, detector: Integers, count: Integers) -> Integers:
    """Ids of detections: day, exposure of the night, detector and a number, in 12+17+8+22 bits."""
    day = mjd_of(exposure.night) - mjd_of(date(2020, 1, 1))
    base = ((day << 17) | exposure.sequence) << 30
    return np.asarray(base | (detector.astype(np.int64) << 22) | count.astype(np.int64))


def ss_object_id(serial: int) -> int:
    """Read the packed designation as an integer, as Rubin numbers solar-system objects."""
    return int.from_bytes(orbits.designation(serial)[1].encode(), "big")


class _Objects:
    """Running statistics of the objects of a field (DiaObject), one row per object and band."""

    def __init__(self, population: Population) -> None:
        n = len(population)
        self.id = np.zeros(n, np.int64)
        self.count = np.zeros(n, np.int64)
        self.first, self.last = np.full(n, np.nan), np.full(n, np.nan)
        self._origin = population.ra, population.dec
        self._shift = np.zeros((2, n))  # sums of position offsets times weight
        self._weight = np.zeros(n)
        self._bands = {band: _BandStatistics(n) for band in population.static}

    def update(self, exposure: Exposure, d: Detections) -> None:
        """Take the detections of an exposure."""
        rows = np.flatnonzero(d.member >= 0)
        member = d.member[rows]
        self.first[member] = np.where(self.count[member] == 0, exposure.mjd, self.first[member])
        self.last[member] = exposure.mjd
        self.count[member] += 1
        weight = 1.0 / d.position_error[rows] ** 2
        ra, dec = self._origin
        self._shift[0, member] += weight * ((d.ra[rows] - ra[member] + 180) % 360 - 180)
        self._shift[1, member] += weight * (d.dec[rows] - dec[member])
        self._weight[member] += weight
        self._bands[exposure.band].update(
            member, exposure.mjd, d.flux[rows], d.error[rows], d.flux[rows] + d.static[rows]
        )

    def position(self, member: Integers) -> tuple[Array, Array]:
        """Weighted mean of the positions."""
        ra, dec = self._origin
        shift = self._shift[:, member] / self._weight[member]
        return (ra[member] + shift[0]) % 360, dec[member] + shift[1]

    def columns(self, exposure: Exposure, d: Detections, object_ids: Integers) -> dict[str, Any]:
        """DiaObject columns for the detections; what was seen only now has itself for statistics."""
        n = len(d)
        known = d.member >= 0
        member = d.member[known]
        ra, dec, error = d.ra.copy(), d.dec.copy(), d.position_error.copy()
        ra[known], dec[known] = self.position(member)
        error[known] = 1.0 / np.sqrt(self._weight[member])
        first, count = np.full(n, exposure.mjd), np.ones(n, np.int64)
        first[known], count[known] = self.first[member], self.count[member]
        columns: dict[str, Any] = {
            "diaObjectId": object_ids,
            "validityStartMjdTai": exposure.mjd + _DELAY + 1e-4,
            "ra": ra,
            "raErr": error / 3600 / np.cos(np.radians(dec)),
            "dec": dec,
            "decErr": error / 3600,
            "ra_dec_Cov": 0.0,
            "firstDiaSourceMjdTai": first,
            "lastDiaSourceMjdTai": exposure.mjd,
            "nDiaSources": count,
        }
        single = _BandStatistics(n)
        single.update(
            np.flatnonzero(~known), exposure.mjd, d.flux[~known], d.error[~known], (d.flux + d.static)[~known]
        )
        for band in "ugrizy":
            mine = single if band == exposure.band else None
            columns |= self._bands[band].columns(band, known, member, mine)
        return columns


class _BandStatistics:
    """Sums from which the per-band columns of DiaObject follow."""

    def __init__(self, n: int) -> None:
        self._n = np.zeros(n, np.int64)
        # Sums of w, w·f, f, f², σ, w·science; extremes; the last point and the steepest slope.
        self._sums = np.zeros((6, n))
        self._low, self._high = np.full(n, np.inf), np.full(n, -np.inf)
        self._last_mjd, self._last_flux = np.zeros(n), np.zeros(n)
        self._slope = np.full(n, np.nan)

    def update(self, member: Integers, mjd: float, flux: Array, error: Array, science: Array) -> None:
        """Take one point of each member."""
        again = self._n[member] > 0
        step = np.where(again, mjd - self._last_mjd[member], 1.0)
        slope = np.where(again, (flux - self._last_flux[member]) / step, np.nan)
        self._slope[member] = np.fmax(self._slope[member], slope)
        self._last_mjd[member], self._last_flux[member] = mjd, flux
        weight = 1.0 / error**2
        self._sums[:, member] += np.stack([weight, weight * flux, flux, flux**2, error, weight * science])
        self._low[member] = np.minimum(self._low[member], flux)
        self._high[member] = np.maximum(self._high[member], flux)
        self._n[member] += 1

    def columns(
        self, band: str, known: NDArray[np.bool_], member: Integers, single: _BandStatistics | None
    ) -> dict[str, Any]:
        """Columns of one band: those of ``member`` in the rows ``known``, in the others of ``single``."""
        n = np.zeros(len(known), np.int64)
        sums = np.zeros((6, len(known)))
        low, high, slope = (np.full(len(known), np.nan) for _ in range(3))
        sources = [(known, self, member)]
        if single is not None:
            sources.append((~known, single, np.flatnonzero(~known)))
        for rows, source, index in sources:
            n[rows], sums[:, rows] = source._n[index], source._sums[:, index]
            low[rows], high[rows], slope[rows] = source._low[index], source._high[index], source._slope[index]
        absent = n == 0
        count = np.where(absent, 1, n)
        weight, weighted, plain, squares, errors, science = np.where(absent, np.nan, sums)
        mean = plain / count
        spread = np.where(n > 1, np.sqrt(np.maximum(squares - n * mean**2, 0) / np.maximum(n - 1, 1)), np.nan)
        return {
            f"{band}_psfFluxMean": weighted / weight,
            f"{band}_psfFluxMeanErr": 1 / np.sqrt(weight),
            f"{band}_psfFluxSigma": spread,
            f"{band}_psfFluxNdata": n,
            f"{band}_scienceFluxMean": science / weight,
            f"{band}_scienceFluxMeanErr": 1.02 / np.sqrt(weight),
            f"{band}_psfFluxMin": np.where(absent, np.nan, low),
            f"{band}_psfFluxMax": np.where(absent, np.nan, high),
            f"{band}_psfFluxMaxSlope": slope,
            f"{band}_psfFluxErrMean": errors / count,
        }


def _ss_columns(
    exposure: Exposure, d: Detections, rows: Integers, seen: dict[str, Array], which: Integers
) -> dict[str, Any]:
    """SsSource columns other than ids: geometry at the time of the exposure."""
    seen = {name: values[which] for name, values in seen.items()}
    sky = ephemeris.unit(d.ra[rows], d.dec[rows])
    lon, lat = ephemeris.direction(ephemeris.ecliptic(sky))
    gal_lon, gal_lat = ephemeris.direction(ephemeris.galactic(sky))
    east = ((d.ra[rows] - seen["ra"] + 180) % 360 - 180) * np.cos(np.radians(seen["dec"])) * 3600
    north = (d.dec[rows] - seen["dec"]) * 3600
    rate = np.hypot(seen["rate_ra"], seen["rate_dec"])
    along = (east * seen["rate_ra"] + north * seen["rate_dec"]) / rate
    across = (east * seen["rate_dec"] - north * seen["rate_ra"]) / rate
    columns: dict[str, Any] = {
        "eclLambda": lon,
        "eclBeta": lat,
        "galLon": gal_lon,
        "galLat": gal_lat,
        "elongation": seen["elongation"],
        "phaseAngle": seen["phase"],
        "ephRa": seen["ra"],
        "ephDec": seen["dec"],
        "ephVmag": seen["mag"],
        "ephRate": rate,
        "ephRateRa": seen["rate_ra"],
        "ephRateDec": seen["rate_dec"],
        "ephOffset": np.hypot(east, north),
        "ephOffsetRa": east,
        "ephOffsetDec": north,
        "ephOffsetAlongTrack": along,
        "ephOffsetCrossTrack": across,
        "diaDistanceRank": 1,
    }
    for name in ("topo", "helio"):
        place, speed = seen[name], seen[f"{name}_v"]
        distance = np.linalg.norm(place, axis=1)
        columns[f"{name}Range"] = distance
        columns[f"{name}RangeRate"] = (place * speed).sum(axis=1) / distance
        columns[f"{name}_vtot"] = np.linalg.norm(speed, axis=1)
        for axis, letter in enumerate("xyz"):
            columns[f"{name}_{letter}"] = place[:, axis]
            columns[f"{name}_v{letter}"] = speed[:, axis]
    return columns


def _orbit_columns(movers: orbits.Orbits, table: dict[str, Array], i: int) -> dict[str, Any]:
    """mpc_orbits of one asteroid, one value per column."""
    name, packed = orbits.designation(int(movers.serial[i]))
    values = {key: float(column[i]) for key, column in table.items()}
    fitted = int((movers.epoch - 40587) // 1 * 86_400_000_000)
    kind = "Amor" if movers.fast[i] else "Main Belt"
    names = ["q", "e", "i", "node", "argperi", "peri_time"]
    document = {
        "COM": {"coefficient_names": names, "coefficient_values": [values[key] for key in names]},
        "epoch_data": {"epoch": movers.epoch, "timeform": "MJD", "timesystem": "TDT"},
        "categorization": {"orbit_type_str": kind, "object_type_str": "Minor Planet"},
        "magnitude_data": {"G": 0.15, "H": float(movers.h[i])},
        "designation_data": {
            "packed_primary_provisional_designation": packed,
            "unpacked_primary_provisional_designation": name,
        },
    }
    return {
        **values,
        "id": int(movers.serial[i]),
        "designation": name,
        "packed_primary_provisional_designation": packed,
        "unpacked_primary_provisional_designation": name,
        "mpc_orb_jsonb": json.dumps(document),
        "created_at": fitted,
        "updated_at": fitted,
        "fitting_datetime": fitted,
        "orbit_type_int": 1 if movers.fast[i] else 11,
        "u_param": 3,
        "nopp": 2,
        "arc_length_total": 812.0,
        "arc_length_sel": 812.0,
        "nobs_total": 41,
        "nobs_total_sel": 40,
        "a_unc": 1e-6,
        "q_unc": 1e-6,
        "e_unc": 1e-6,
        "i_unc": 1e-5,
        "node_unc": 1e-4,
        "argperi_unc": 1e-4,
        "peri_time_unc": 1e-3,
        "mean_anomaly_unc": 1e-4,
        "period_unc": 1e-3,
        "mean_motion_unc": 1e-7,
        "epoch_mjd": movers.epoch,
        "h": float(movers.h[i]),
        "g": 0.15,
        "normalized_rms": 0.7,
    }
