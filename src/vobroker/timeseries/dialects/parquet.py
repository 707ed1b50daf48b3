"""Light curves as Parquet, with units, UCDs and descriptions in the field metadata."""

from __future__ import annotations

import io

from pyarrow import parquet

from vobroker.timeseries.model import LightCurve


def write(light_curve: LightCurve) -> bytes:
    """Write the points of a light curve as Parquet; the file's metadata say which object and where."""
    about = {
        "survey": light_curve.survey,
        "object_id": light_curve.object_id,
        "ra": str(light_curve.ra),
        "dec": str(light_curve.dec),
        "frame": "ICRS",
        "time_scale": "TAI",
        "time_position": "TOPOCENTER",
    }
    points = light_curve.points
    file = io.BytesIO()
    parquet.write_table(points.replace_schema_metadata({**(points.schema.metadata or {}), **about}), file)
    return file.getvalue()
