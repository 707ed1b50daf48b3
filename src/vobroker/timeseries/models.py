"""A series as instances of data models: Coords, Meas and Cube, PhotDM and DatasetMetadata.

What a light curve is in these models does not depend on how instances are written; only that differs between
the dialects. Coords, Meas and PhotDM 1.1 are IVOA Recommendations; Cube and DatasetMetadata are drafts.
"""

from __future__ import annotations

from dataclasses import dataclass

from vobroker.timeseries.series import MJD, Band, Quantity, SpaceFrame, TimeFrame
from vobroker.timeseries.writing import Parts, number, type_number

MODELS = {
    "ivoa": "https://www.ivoa.net/xml/VODML/IVOA-v1.vo-dml.xml",
    "coords": "https://www.ivoa.net/xml/VODML/Coords-v1.vo-dml.xml",
    "meas": "https://www.ivoa.net/xml/VODML/Meas-v1.vo-dml.xml",
    "Phot": "https://www.ivoa.net/xml/VODML/Phot-v1.1.vo-dml.xml",
    "ds": "https://volute.g-vo.org/svn/trunk/projects/dm/DatasetMetadata/vo-dml/DatasetMetadata-1.0.vo-dml.xml",
    "cube": "https://volute.g-vo.org/svn/trunk/projects/dm/Cube/vo-dml/Cube-1.0.vo-dml.xml",
}
"""Models by prefix, and where they are defined."""


@dataclass(frozen=True)
class Leaf:
    """An attribute: a literal value, or the ID of a column or PARAM."""

    role: str
    type: str
    value: str = ""
    ref: str = ""
    unit: str = ""

    @property
    def attributes(self) -> dict[str, str]:
        """XML attributes of an ATTRIBUTE, those that are not empty."""
        said = {
            "dmrole": self.role,
            "dmtype": self.type,
            "value": self.value,
            "ref": self.ref,
            "unit": self.unit,
        }
        return {name: value for name, value in said.items() if value}


@dataclass(frozen=True)
class Ref:
    """A reference to an instance, or to the one of a collection that a column's value chooses."""

    role: str
    target: str
    key: str = ""


@dataclass(frozen=True)
class Many:
    """Instances in one role."""

    role: str
    items: tuple[Instance, ...]


@dataclass(frozen=True)
class Instance:
    """An object of a model; ``key`` tells it from others of its collection."""

    type: str
    role: str = ""
    inner: tuple[Leaf | Ref | Many | Instance, ...] = ()
    id: str = ""
    key: str = ""


@dataclass(frozen=True)
class Model:
    """A light curve as instances.

    Parameters
    ----------
    systems
        Frames of times and positions.
    calibrations_id, calibrations
        A PhotCal for each band, and the ID of their collection.
    dataset
        The data set and its target.
    point
        What each row of the table is.
    cube
        The cube that the points make.
    """

    systems: tuple[Instance, ...]
    calibrations_id: str
    calibrations: tuple[Instance, ...]
    dataset: Instance
    point: Instance
    cube: Instance


def model(parts: Parts) -> Model:
    """Describe a series in the models."""
    series, mark = parts.series, parts.table_id.removeprefix("light_curve")
    shared = parts.time_id.removeprefix("time_frame")
    frames: dict[TimeFrame, str] = {}
    for frame in (series.time, *series.times.values()):
        frames.setdefault(frame, "time_system" + (f"_{len(frames) + 1}" if frames else "") + shared)
    space_id = f"space_system{shared}" if series.space != SpaceFrame() else ""
    systems = [_time_system(frame, name) for frame, name in frames.items()]
    if space_id:
        systems.append(_space_system(series.space, space_id))
    collection = f"photometric_systems{mark}"
    calibrations = tuple(
        _calibration(band, f"photometric_system_{place}{mark}") for place, band in enumerate(series.bands, 1)
    )
    own = series.roles.get("time", "")
    times = [own, *(name for name in series.times if name != own)] if own else list(series.times)
    observables = [
        _observable(_time(parts.fields[t], series.times.get(t, TimeFrame()), frames), t == own) for t in times
    ]
    observables += [
        _observable(_measure(parts, role, collection, calibrations), independent=False)
        for role in ("flux", "mag", "limiting_mag")
        if role in series.roles
    ]
    if "ra" in series.roles and "dec" in series.roles:
        place = _position(parts.field("ra"), parts.field("dec"), space_id, "cube:MeasurementAxis.measure")
        observables.append(_observable(place, independent=False))
    point_id = f"point{mark}"
    return Model(
        tuple(systems),
        collection if calibrations else "",
        calibrations,
        _dataset(parts, space_id, f"dataset{mark}"),
        Instance("cube:NDPoint", "", (Many("cube:NDPoint.observable", tuple(observables)),), point_id),
        Instance("cube:SparseCube", "", (Ref("cube:DataProduct.dataset", f"dataset{mark}"),), f"cube{mark}"),
    )


def _time_system(frame: TimeFrame, name: str) -> Instance:
    inner: list[Leaf | Ref | Many | Instance] = []
    if frame.scale:
        inner.append(Leaf("coords:TimeFrame.timescale", "ivoa:string", frame.scale))
    if frame.position:
        inner.append(_location("coords:TimeFrame.refPosition", frame.position))
    whole = Instance("coords:TimeFrame", "coords:PhysicalCoordSys.frame", tuple(inner))
    return Instance("coords:TimeSys", "", (whole,), name)


def _space_system(frame: SpaceFrame, name: str) -> Instance:
    inner: list[Leaf | Ref | Many | Instance] = []
    if frame.system:
        inner.append(Leaf("coords:SpaceFrame.spaceRefFrame", "ivoa:string", frame.system))
    if frame.equinox:
        inner.append(Leaf("coords:SpaceFrame.equinox", "coords:Epoch", frame.equinox))
    if frame.position:
        inner.append(_location("coords:SpaceFrame.refPosition", frame.position))
    whole = Instance("coords:SpaceFrame", "coords:PhysicalCoordSys.frame", tuple(inner))
    return Instance("coords:SpaceSys", "", (whole,), name)


def _location(role: str, position: str) -> Instance:
    leaf = Leaf("coords:StdRefLocation.position", "ivoa:string", position)
    return Instance("coords:StdRefLocation", role, (leaf,))


def _calibration(band: Band, name: str) -> Instance:
    zero: list[Leaf | Ref | Many | Instance] = []
    if band.zero_point_type:
        zero.append(Leaf("Phot:ZeroPoint.type", "ivoa:integer", type_number(band.zero_point_type)))
    if band.zero_point:
        zero.append(Instance("Phot:Flux", "Phot:ZeroPoint.flux", _quantity("Phot:Flux", band.zero_point)))
    passband: list[Leaf | Ref | Many | Instance] = []
    if band.filter:
        passband.append(Leaf("Phot:PhotometryFilter.identifier", "ivoa:string", band.filter))
    passband.append(Leaf("Phot:PhotometryFilter.bandName", "ivoa:string", band.name))
    if band.wavelength:
        leaves = _quantity("Phot:SpectralLocation", band.wavelength)
        passband.append(Instance("Phot:SpectralLocation", "Phot:PhotometryFilter.spectralLocation", leaves))
    inner = [Instance("Phot:ZeroPoint", "Phot:PhotCal.zeroPoint", tuple(zero))] if zero else []
    if band.magnitude_system:
        leaf = Leaf("Phot:MagnitudeSystem.type", "Phot:TypeOfMagSystem", band.magnitude_system)
        inner.append(Instance("Phot:MagnitudeSystem", "Phot:PhotCal.magnitudeSystem", (leaf,)))
    inner.append(Instance("Phot:PhotometryFilter", "Phot:PhotCal.photometryFilter", tuple(passband)))
    return Instance("Phot:PhotCal", "", tuple(inner), name, band.name)


def _quantity(owner: str, value: Quantity) -> tuple[Leaf, ...]:
    unit = (Leaf(f"{owner}.unitexpression", "ivoa:Unit", value.unit),) if value.unit else ()
    return (*unit, Leaf(f"{owner}.value", "ivoa:real", repr(value.value)))


def _observable(measure: Instance, independent: bool) -> Instance:
    dependent = Leaf("cube:DataAxis.dependent", "ivoa:boolean", "False" if independent else "True")
    return Instance("cube:Observable", "", (dependent, measure))


def _time(column: str, frame: TimeFrame, frames: dict[TimeFrame, str]) -> Instance:
    system = Ref("coords:Coordinate.coordSys", frames[frame])
    kind = {0.0: "JD", MJD: "MJD"}.get(-1.0 if frame.origin is None else frame.origin)
    if kind:
        leaf = Leaf(f"coords:{kind}.date", "ivoa:real", ref=column)
        coordinate = Instance(f"coords:{kind}", "meas:Measure.coord", (leaf, system))
    else:
        offset: list[Leaf | Ref | Many | Instance] = [
            Leaf("coords:TimeOffset.time", "ivoa:RealQuantity", ref=column)
        ]
        if frame.origin is not None:
            date = Leaf("coords:JD.date", "ivoa:real", number(frame.origin))
            offset.append(Instance("coords:JD", "coords:TimeOffset.time0", (date,)))
        coordinate = Instance("coords:TimeOffset", "meas:Measure.coord", (*offset, system))
    return Instance("meas:Time", "cube:MeasurementAxis.measure", (coordinate,))


def _measure(parts: Parts, role: str, collection: str, calibrations: tuple[Instance, ...]) -> Instance:
    inner: list[Leaf | Ref | Many | Instance] = [
        Leaf(
            "coords:PhysicalCoordinate.cval",
            "ivoa:RealQuantity",
            ref=parts.field(role),
            unit=parts.series.note(role, "unit"),
        )
    ]
    if "band" in parts.series.roles and calibrations:
        inner.append(Ref("coords:Coordinate.coordSys", collection, parts.field("band")))
    elif len(calibrations) == 1:
        inner.append(Ref("coords:Coordinate.coordSys", calibrations[0].id))
    coordinate = Instance("coords:PhysicalCoordinate", "meas:Measure.coord", tuple(inner))
    measure: list[Leaf | Ref | Many | Instance] = [coordinate]
    if error := parts.field(f"{role}_error"):
        unit = parts.series.note(f"{role}_error", "unit")
        leaf = Leaf("meas:Symmetrical.radius", "ivoa:RealQuantity", ref=error, unit=unit)
        symmetrical = Instance("meas:Symmetrical", "meas:Error.statError", (leaf,))
        measure.append(Instance("meas:Error", "meas:Measure.error", (symmetrical,)))
    return Instance("meas:GenericMeasure", "cube:MeasurementAxis.measure", tuple(measure))


def _position(longitude: str, latitude: str, space_id: str, role: str) -> Instance:
    point: list[Leaf | Ref | Many | Instance] = [
        Leaf("coords:Point.axis1", "ivoa:RealQuantity", ref=longitude, unit="deg"),
        Leaf("coords:Point.axis2", "ivoa:RealQuantity", ref=latitude, unit="deg"),
    ]
    if space_id:
        point.append(Ref("coords:Coordinate.coordSys", space_id))
    return Instance("meas:Position", role, (Instance("coords:Point", "meas:Measure.coord", tuple(point)),))


def _dataset(parts: Parts, space_id: str, name: str) -> Instance:
    """Describe the data set; what PARAMs of the table hold is referred to."""
    target: list[Leaf | Ref | Many | Instance] = []
    if "object_id" in parts.params:
        target.append(Leaf("ds:experiment.BaseTarget.name", "ivoa:string", ref=parts.params["object_id"]))
    if "ra" in parts.params and "dec" in parts.params:
        where = _position(
            parts.params["ra"], parts.params["dec"], space_id, "ds:experiment.BaseTarget.position"
        )
        target.append(where)
    inner: list[Leaf | Ref | Many | Instance] = [
        Leaf("ds:dataset.Dataset.dataProductType", "ds:dataset.DataProductType", "TIMESERIES"),
        Leaf("ds:dataset.Dataset.dataProductSubtype", "ivoa:string", "lightcurve"),
    ]
    if target:
        inner.append(Instance("ds:experiment.Target", "ds:experiment.ObsDataset.target", tuple(target)))
    about = [
        Leaf(f"ds:dataset.DataID.{role}", "ivoa:string", ref=parts.params[key])
        for key, role in (("title", "title"), ("survey", "collection"))
        if key in parts.params
    ]
    if about:
        inner.append(Instance("ds:dataset.DataID", "ds:dataset.Dataset.dataID", tuple(about)))
    return Instance("ds:experiment.ObsDataset", "", tuple(inner), name)
