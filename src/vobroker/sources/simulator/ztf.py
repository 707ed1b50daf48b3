"""ZTF alerts: schema 4.02 in object containers."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vobroker.sources.simulator import cutouts, observe, orbits, schemas
from vobroker.sources.simulator.camera import SHAPES
from vobroker.sources.simulator.encode import RecordEncoder, Rows, text, varint
from vobroker.sources.simulator.history import History, avro_array
from vobroker.sources.simulator.observe import Detections, Photometry
from vobroker.sources.simulator.population import Population, nanojansky
from vobroker.sources.simulator.schedule import Exposure, Field
from vobroker.sources.simulator.spool import Spool

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

_WINDOW = 30.0  # d of history in a packet
_CHANNELS = 64
_FILTER = {"g": (1, "zg"), "r": (2, "zr"), "i": (3, "zi")}
_ZERO_POINT = {"g": 26.3, "r": 26.25, "i": 25.65}
_BACKGROUND = {"g": 130.0, "r": 240.0, "i": 260.0}
_NONE = -999.0  # ZTF's word for no value
_EARLIER_COVERS = 700  # exposures of a field in the years before the simulation


class Ztf:
    """The alert production of one field: names, histories, packets."""

    def __init__(
        self, field: Field, population: Population, spool: Spool, seed: int, schema: dict[str, Any]
    ) -> None:
        records = schemas.records(schema)
        self._candidate = RecordEncoder(records["candidate"])
        self._previous = RecordEncoder(records["prv_candidate"])
        self._forced = RecordEncoder(records["fp_hist"])
        self._field, self._population, self._seed = field, population, seed
        # One more entry per readout channel: the limits of what has no history of its own.
        self.candidates, self.forced = History(spool), History(spool)
        n = len(population)
        self._names = np.zeros(n, "U12")
        self._named = 0
        self._detections, self._first_jd = _earlier(population, np.random.default_rng([seed, 4, field.index]))
        self._covered = _EARLIER_COVERS

    def past(self, exposure: Exposure, measured: Photometry, detections: Detections) -> None:
        """Take an exposure into the history without making alerts of it."""
        columns, ids = self._count(exposure, detections)
        self._keep(exposure, measured, detections, columns, ids)

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
        earlier = len(self.candidates)
        columns, ids = self._count(exposure, detections)
        columns |= self._solar_system(exposure, detections, movers)
        names = self._name(exposure, detections)
        records = self._candidate.encode(columns, len(ids)).split()
        self._keep(exposure, measured, detections, columns, ids)
        head = [
            text("4.02") + text("ZTF (www.ztf.caltech.edu)") + text(name) + varint(i)
            for name, i in zip(names, ids.tolist(), strict=True)
        ]
        render = (
            cutouts.ztf(
                exposure,
                self._population,
                detections,
                self._seed,
                names=_stamp_names(ids),
                zero_point=_ZERO_POINT[exposure.band],
                background=_BACKGROUND[exposure.band],
            )
            if stamps
            else None
        )
        places = np.where(
            detections.member >= 0, detections.member, len(self._population) + detections.detector
        )
        since = exposure.mjd - _WINDOW

        def make(begin: int, end: int) -> list[bytes]:
            none = avro_array(())
            before = forced = [none] * (end - begin)
            if history:
                who = places[begin:end]
                before = [avro_array(items) for items in self.candidates.arrays(who, earlier, since)]
                forced = [avro_array(items) for items in self.forced.arrays(who, earlier, since)]
            pictures = render(begin, end) if render else [b"\x00\x00\x00"] * (end - begin)
            return [
                b"".join(parts)
                for parts in zip(head[begin:end], records[begin:end], before, forced, pictures, strict=True)
            ]

        return ids, names, make

    def _name(self, exposure: Exposure, d: Detections) -> list[str]:
        """Names of the objects; one is given at the first alert and kept."""
        names = []
        for member in d.member.tolist():
            name = str(self._names[member]) if member >= 0 else ""
            if not name:
                name = object_name(exposure.night.year, self._field.index, self._named)
                self._named += 1
                if member >= 0:
                    self._names[member] = name
            names.append(name)
        return names

    def _count(self, exposure: Exposure, d: Detections) -> tuple[dict[str, Any], Integers]:
        """Columns of the detections, and their candidate ids, after counting them in."""
        known = d.member >= 0
        member = d.member[known]
        jd = exposure.start_jd_utc
        self._covered += 1
        self._first_jd[member] = np.where(self._detections[member] == 0, jd, self._first_jd[member])
        self._detections[member] += 1
        count, first = np.ones(len(d), np.int64), np.full(len(d), jd)
        count[known], first[known] = self._detections[member], self._first_jd[member]
        pid = process_ids(exposure, d.detector)
        number = _number_within(d.detector)
        ids = pid * 1_000_000 + 10_000 + number
        columns = self._columns(exposure, d)
        columns |= {
            "pid": pid,
            "tblid": number,
            "candid": ids,
            "ndethist": count,
            "ncovhist": np.full(len(d), self._covered),
            "jdstarthist": first,
            "jdendhist": jd,
        }
        return columns, ids

    def _keep(
        self,
        exposure: Exposure,
        measured: Photometry,
        d: Detections,
        columns: dict[str, Any],
        ids: Integers,
    ) -> None:
        """Add detections, limits and forced photometry of an exposure to the history."""
        found = self._previous.encode(
            {**columns, "ssnamenr": None, "ssdistnr": None, "ssmagnr": None}, len(ids)
        )
        channels = np.arange(_CHANNELS)
        limits = self._previous.encode(
            {**self._exposure_columns(exposure, channels), "pid": process_ids(exposure, channels)}, _CHANNELS
        )
        rows = Rows(found.data + limits.data, np.concatenate([found.ends, len(found.data) + limits.ends]))
        channel = measured.place.detector
        row_of = np.where(measured.place.covered, len(ids) + channel, -1)
        known = d.member >= 0
        row_of[d.member[known]] = np.flatnonzero(known)
        self.candidates.add(exposure.mjd, rows, np.concatenate([row_of, len(ids) + channels]))

        objects = np.flatnonzero(measured.place.covered)
        count = len(objects) + _CHANNELS
        forced = self._forced.encode(self._forced_columns(exposure, measured, objects), count)
        row_of = np.full(len(self._population) + _CHANNELS, -1)
        row_of[np.append(objects, len(self._population) + channels)] = np.arange(count)
        self.forced.add(exposure.mjd, forced, row_of)

    def _exposure_columns(self, exposure: Exposure, channel: Integers) -> dict[str, Any]:
        """Columns that follow from the exposure and the readout channel alone."""
        fid, letters = _FILTER[exposure.band]
        jd = exposure.start_jd_utc
        utc = exposure.mjd - 37.0 / 86400
        day = date.fromordinal(int(utc) + date(1858, 11, 17).toordinal())
        stem = f"ztf_{day:%Y%m%d}{int(utc % 1 * 1e6):06d}_{self._field.number:06d}_{letters}"
        files = np.array(
            [f"{stem}_c{c // 4 + 1:02d}_o_q{c % 4 + 1}_scimrefdiffimg.fits" for c in range(_CHANNELS)]
        )
        return {
            "jd": jd,
            "fid": fid,
            "diffmaglim": exposure.depth,
            "pdiffimfilename": files[channel].astype("S"),
            "programpi": "Kulkarni",
            "programid": 1,
            "nid": night_number(exposure),
            "rcid": channel,
            "field": self._field.number,
            "magzpsci": _ZERO_POINT[exposure.band],
            "magzpsciunc": 5e-6,
            "magzpscirms": 0.03,
            "clrcoeff": {"g": -0.05, "r": 0.1, "i": 0.01}[exposure.band],
            "clrcounc": 1e-5,
            "rbversion": "simulated",
        }

    def _columns(self, exposure: Exposure, d: Detections) -> dict[str, Any]:
        rng = np.random.default_rng([self._seed, 33, exposure.visit, exposure.field])
        n = len(d)
        normal, uniform = rng.standard_normal((8, n)), rng.uniform(size=(6, n))
        snr = d.snr
        mag, sigma = 31.4 - 2.5 * np.log10(np.abs(d.flux)), 1.0857 / snr
        aperture = 1.3 * sigma
        bogus, solar = d.kind >= observe.DIPOLE, d.asteroid >= 0
        fwhm = exposure.seeing / exposure.survey.pixel
        known = d.member >= 0
        radius, offset = np.zeros(n), np.zeros(n)
        radius[known] = self._population.host_radius[d.member[known]]
        offset[known] = np.hypot(
            self._population.host_east[d.member[known]], self._population.host_north[d.member[known]]
        )
        galaxy = radius > 0
        lonely = solar | (d.kind == observe.COSMIC_RAY) | (d.kind == observe.EDGE)
        far = 3 + 12 * np.sqrt(uniform[0])
        distance = np.where(lonely, far, np.hypot(offset, d.position_error))  # arcsec
        with np.errstate(divide="ignore"):
            reference = np.where(lonely, 19.5 + 2 * uniform[1], 31.4 - 2.5 * np.log10(d.static))
        east = np.where(lonely, distance, 0.0) / 3600
        score = np.where(galaxy, 0.25 * uniform[2], 1 - 0.1 * uniform[2])
        spike = d.kind == observe.COSMIC_RAY
        streak = 1 + d.rate * 3600 * exposure.survey.exposure / 86400 / exposure.seeing
        minor = np.where(spike, 0.4, 0.43 * fwhm * (1 + 0.4 / snr * normal[0]).clip(0.3))
        major = minor * streak * (1 + np.abs(normal[1]) * np.where(bogus, 0.6, 1.5 / snr))
        width, height = SHAPES["ztf"]
        edge = np.minimum(np.minimum(d.x, width - d.x), np.minimum(d.y, height - d.y))
        good = 1 - 0.5 * uniform[3] ** 2 * np.minimum(1.0, 7 / snr)
        return {
            **self._exposure_columns(exposure, d.detector),
            "isdiffpos": np.where(d.flux > 0, "t", "f"),
            "xpos": d.x,
            "ypos": d.y,
            "ra": d.ra,
            "dec": d.dec,
            "magpsf": mag,
            "sigmapsf": sigma,
            "chipsf": np.abs(1 + 0.15 * normal[2]) + np.where(bogus, 0.3 * snr, 0.0),
            "magap": mag + aperture * normal[3],
            "sigmagap": aperture,
            "distnr": distance / exposure.survey.pixel,
            "magnr": reference,
            "sigmagnr": 0.02 + 0.1 * uniform[1],
            "chinr": np.where(galaxy, 2 + 3 * uniform[4], 0.5 + uniform[4]),
            "sharpnr": np.where(galaxy, 0.3 + 0.5 * uniform[5], 0.02 * normal[4]),
            "sky": 0.5 * normal[5],
            "magdiff": aperture * normal[3],
            "fwhm": np.where(spike, 0.9, fwhm * (1 + 0.3 / snr * normal[6]).clip(0.5)),
            "classtar": np.where(bogus, uniform[4], 1 - 0.3 * uniform[4] ** 2),
            "mindtoedge": edge,
            "magfromlim": exposure.depth - mag,
            "seeratio": exposure.seeing / exposure.survey.seeing / 0.9,
            "aimage": major,
            "bimage": minor,
            "aimagerat": major / fwhm,
            "bimagerat": minor / fwhm,
            "elong": major / minor,
            "nneg": np.where(bogus, 4 + 10 * uniform[5], 3 * uniform[5]).astype(np.int64),
            "nbad": np.where(spike | (d.kind == observe.EDGE), 1 + 3 * uniform[2], 0).astype(np.int64),
            "rb": np.where(bogus, 0.45 * uniform[3], good - 0.1 * uniform[1]),
            "drb": np.where(bogus, 0.4 * uniform[4] ** 2, good),
            "drbversion": "simulated",
            "ssdistnr": _NONE,
            "ssmagnr": _NONE,
            "ssnamenr": "null",
            "sumrat": np.where(d.kind == observe.DIPOLE, 0.1 + 0.3 * uniform[0], 1 - 0.1 * uniform[0] / snr),
            "magapbig": mag + 1.5 * aperture * normal[7],
            "sigmagapbig": 1.5 * aperture,
            "ranr": (d.ra + east / np.cos(np.radians(d.dec))) % 360,
            "decnr": d.dec,
            "sgmag1": np.where(lonely, _NONE, reference + np.where(galaxy, 0.7, 0.3)),
            "srmag1": np.where(lonely, _NONE, reference),
            "simag1": np.where(lonely, _NONE, reference - 0.1),
            "szmag1": np.where(lonely, _NONE, reference - 0.15),
            "sgscore1": np.where(lonely, _NONE, score),
            "distpsnr1": np.where(lonely, _NONE, distance),
            "scorr": snr,
            "tooflag": 0,
            "objectidps1": 100_000_000_000_000_000 + np.abs(d.true_ra * 1e9).astype(np.int64),
            **{f"{name}{k}": _NONE for name in _PS1_MAGS for k in (2, 3)},
            "nmtchps": np.where(lonely, 0, 1 + (8 * uniform[0]).astype(np.int64)),
            "rfid": self._reference_id(exposure, d.detector),
            "jdstartref": 2458200.5,
            "jdendref": 2458500.5,
            "nframesref": 20,
            "dsnrms": snr,
            "ssnrms": snr,
            "dsdiff": 0.0,
            "nmatches": 1500,
            "zpclrcov": -3e-6,
            "zpmed": _ZERO_POINT[exposure.band],
            "clrmed": 0.65,
            "clrrms": 0.2,
            "neargaia": np.where(lonely | galaxy, 5 + 30 * uniform[1], distance),
            "neargaiabright": 20 + 60 * uniform[2],
            "maggaia": np.where(lonely | galaxy, 18.5 + uniform[1], reference),
            "maggaiabright": 12.5 + uniform[2],
            "exptime": exposure.survey.exposure,
        }

    def _reference_id(self, exposure: Exposure, channel: Integers) -> Integers:
        fid, _ = _FILTER[exposure.band]
        return np.asarray(self._field.number * 1_000_000 + 120_000 + fid * 100 + channel)

    def _forced_columns(self, exposure: Exposure, measured: Photometry, objects: Integers) -> dict[str, Any]:
        """Measure at the places of objects, and on empty sky in each readout channel."""
        rng = np.random.default_rng([self._seed, 31, exposure.visit, exposure.field])
        population, n = self._population, len(objects)
        channel = np.append(measured.place.detector[objects], np.arange(_CHANNELS))
        counts = 10 ** (0.4 * (_ZERO_POINT[exposure.band] - 31.4))
        sky = observe.noise(exposure, np.zeros(_CHANNELS))
        normal = rng.standard_normal(n + _CHANNELS)
        error = np.append(measured.error[objects], sky)
        flux = np.append(measured.flux[objects] + 0.08 * error[:n] * normal[:n], sky * normal[n:])
        distance = np.hypot(population.host_east[objects], population.host_north[objects]) + 0.1
        reference = 31.4 - 2.5 * np.log10(population.static[exposure.band][objects])
        nothing = np.full(_CHANNELS, np.nan)
        here = np.ones(_CHANNELS)
        return {
            **self._exposure_columns(exposure, channel),
            "pid": process_ids(exposure, channel),
            "rfid": self._reference_id(exposure, channel),
            "sciinpseeing": exposure.seeing / exposure.survey.pixel,
            "scibckgnd": _BACKGROUND[exposure.band],
            "scisigpix": 8.0,
            "exptime": exposure.survey.exposure,
            "adpctdif1": 0.05,
            "adpctdif2": 0.06,
            "forcediffimflux": flux * counts,
            "forcediffimfluxunc": error * counts,
            "procstatus": "0",
            "distnr": np.append(distance / exposure.survey.pixel, nothing),
            "ranr": np.append(population.ra[objects], exposure.ra * here),
            "decnr": np.append(population.dec[objects], exposure.dec * here),
            "magnr": np.append(reference, nothing),
            "sigmagnr": np.append(np.full(n, 0.02), nothing),
            "chinr": np.append(np.full(n, 1.0), nothing),
            "sharpnr": np.append(np.full(n, 0.0), nothing),
        }

    def _solar_system(self, exposure: Exposure, d: Detections, movers: orbits.Orbits) -> dict[str, Any]:
        """Nearest known solar-system object: itself for an asteroid, none for the rest."""
        rows = np.flatnonzero(d.asteroid >= 0)
        names = np.full(len(d), "null", "U12")
        distance, mag = np.full(len(d), _NONE), np.full(len(d), _NONE)
        if len(rows):
            which = d.asteroid[rows]
            names[rows] = [orbits.designation(int(i))[0].replace(" ", "") for i in movers.serial[which]]
            mag[rows] = orbits.apparent(movers, exposure.mjd)["mag"][which]
            distance[rows] = (
                np.hypot(
                    (d.ra - d.true_ra)[rows] * np.cos(np.radians(d.dec[rows])), (d.dec - d.true_dec)[rows]
                )
                * 3600
            )
        return {"ssnamenr": names, "ssdistnr": distance, "ssmagnr": mag}


def _earlier(population: Population, rng: np.random.Generator) -> tuple[Integers, Array]:
    """Count the detections of the objects in the years before, and date the first; a supernova has none."""
    first_jd = rng.uniform(2_458_200.0, 2_458_900.0, len(population))
    limit = nanojansky(20.5)
    times = rng.uniform(60_000.0, 61_000.0, 30)
    seen = np.mean([np.abs(population.flux(float(mjd), "g")) > limit for mjd in times], axis=0)
    detections = np.round(seen * _EARLIER_COVERS).astype(np.int64)
    for parameters, part in zip(population.parameters, population.slices, strict=True):
        if "peak" in parameters:
            detections[part] = 0
    return detections, np.where(detections > 0, first_jd, 0.0)


_PS1_MAGS = ("sgmag", "srmag", "simag", "szmag", "sgscore", "distpsnr", "objectidps")


def object_name(year: int, field: int, number: int) -> str:
    """ZTF object name: two digits of the year and seven letters."""
    # Multiplying by an odd number coprime with 13 permutes the names, so that neighbours differ.
    rest = (2_654_435_761 * (field * 100_000_000 + number) + 1_234_567) % 26**7
    letters = ""
    for _ in range(7):
        rest, digit = divmod(rest, 26)
        letters = chr(97 + digit) + letters
    return f"ZTF{year % 100:02d}{letters}"


def night_number(exposure: Exposure) -> int:
    """Nights since 2017-01-01, in UTC."""
    return int(exposure.start_jd_utc - 2_457_754.5)


def process_ids(exposure: Exposure, channel: Integers) -> Integers:
    """Give processing ids: night number, five digits of the fraction of the day, channel, 15."""
    fraction = int((exposure.start_jd_utc + 0.5) % 1 * 100_000)
    return np.asarray((night_number(exposure) * 100_000 + fraction) * 10_000 + channel * 100 + 15)


def _number_within(channel: Integers) -> Integers:
    """Count each row within its readout channel; rows are sorted by channel."""
    order = np.arange(len(channel))
    first = np.searchsorted(channel, channel)
    return np.asarray(order - first)


def _stamp_names(ids: Integers) -> Any:
    def names(row: int) -> tuple[str, str, str]:
        candid = int(ids[row])
        stem = f"candid{candid}_pid{candid // 1_000_000}_targ"
        return f"{stem}_sci.fits.gz", f"candid{candid}_ref.fits.gz", f"{stem}_refmsci.fits.gz"

    return names
