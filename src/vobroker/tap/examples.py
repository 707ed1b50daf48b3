"""Queries to start from, for people and for programs (DALI 1.1, section 2.3: RDFa in HTML)."""

from __future__ import annotations

from html import escape

# With the coordinate system that ADQL 2.1 no longer wants: so they are ADQL 2.0 too.
EXAMPLES = (
    (
        "brightest",
        "The brightest alerts",
        "Only good magnitudes, the brightest first.",
        "SELECT TOP 50 survey, object_id, band, mag, ra, dec, mjd\nFROM alert\n"
        "WHERE mag IS NOT NULL AND mag_error < 0.2\nORDER BY mag",
    ),
    (
        "bands",
        "Alerts by survey and band",
        "How many there are, the brightest, and the mean.",
        "SELECT survey, band, COUNT(*) AS alerts, MIN(mag) AS brightest, AVG(mag) AS mean_mag\n"
        "FROM alert\nGROUP BY survey, band\nORDER BY survey, band",
    ),
    (
        "changed",
        "Objects that changed most",
        "The range of the magnitudes in one band, of at least five good measurements.",
        "SELECT TOP 50 survey, object_id, band, COUNT(*) AS points, MAX(mag) - MIN(mag) AS range_mag\n"
        "FROM measurement\nWHERE mag_error < 0.1\nGROUP BY survey, object_id, band\n"
        "HAVING COUNT(*) >= 5\nORDER BY range_mag DESC",
    ),
    (
        "cone",
        "A cone search",
        "What is within 5 degrees of a place, the nearest first.",
        "SELECT TOP 50 survey, object_id, mag, mjd,\n"
        "  DISTANCE(POINT('ICRS', ra, dec), POINT('ICRS', 0.84, 16.14)) AS separation\n"
        "FROM alert\nWHERE 1 = CONTAINS(POINT('ICRS', ra, dec), CIRCLE('ICRS', 0.84, 16.14, 5))\n"
        "ORDER BY separation",
    ),
    (
        "upload",
        "What is near my own positions",
        "Upload a table <code>mine</code> with the columns ra and dec, in degrees.",
        "SELECT mine.ra AS my_ra, mine.dec AS my_dec, o.survey, o.object_id, o.n_alerts\n"
        "FROM TAP_UPLOAD.mine AS mine\nJOIN object AS o\n"
        "  ON 1 = CONTAINS(POINT('ICRS', o.ra, o.dec),\n"
        "    CIRCLE('ICRS', mine.ra, mine.dec, 2.0 / 3600))",
    ),
    (
        "obscore",
        "Light curves in ObsCore",
        "Light curves with many points, in the columns that all archives have.",
        "SELECT TOP 50 obs_id, obs_collection, s_ra, s_dec, t_min, t_max, t_xel, access_url\n"
        "FROM ivoa.obscore\nWHERE dataproduct_type = 'timeseries' AND t_xel > 2\nORDER BY t_xel DESC",
    ),
)
"""Identifier, title, explanation in HTML, and query."""


def page(title: str, base: str) -> str:
    """Write the examples as a page."""
    parts = [
        f'<div typeof="example" id="{key}" resource="#{key}"><h2 property="name">{escape(name)}</h2>'
        f"<p>{text}</p>"
        f'<pre property="query">{escape(query)}</pre></div>'
        for key, name, text, query in EXAMPLES
    ]
    return (
        "<!DOCTYPE html>\n"
        '<html xmlns="http://www.w3.org/1999/xhtml" lang="en"><head><meta charset="utf-8" />'
        f"<title>Examples of {escape(title)}</title></head>"
        '<body vocab="http://www.ivoa.net/rdf/examples#">'
        f"<h1>Queries to start from</h1>"
        f"<p>The service is at <code>{escape(base)}</code>.</p>{''.join(parts)}</body></html>\n"
    )
