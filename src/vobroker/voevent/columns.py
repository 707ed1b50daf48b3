"""The columns of received packets: what can be asked of an event without reading its XML."""

from __future__ import annotations

from vobroker.votypes.columns import Column, Position, Table

VOEVENT = Table(
    "voevent",
    (
        Column(
            "number",
            "BIGINT",
            "",
            "meta.number;meta.main",
            "Number of the packet from 1, in order of arrival",
        ),
        Column("ivorn", "VARCHAR", "", "meta.ref.ivoid;meta.main", "IVOA identifier of the event"),
        Column("version", "VARCHAR", "", "meta.version", "Version of VOEvent that the packet is written in"),
        Column("role", "VARCHAR", "", "meta.code", "observation, prediction, utility or test"),
        Column("stream", "VARCHAR", "", "meta.id", "Stream of the event: its identifier up to the #"),
        Column("author_ivorn", "VARCHAR", "", "meta.ref.ivoid", "IVOA identifier of the author"),
        Column("author", "VARCHAR", "", "meta.bib.author", "Title, short name or contact of the author"),
        Column(
            "authored", "TIMESTAMP", "", "time.creation", "When the packet was written, UTC", system="UTC"
        ),
        Column(
            "received", "TIMESTAMP", "", "time.processing", "When the broker received it, UTC", system="UTC"
        ),
        Column(
            "mjd",
            "DOUBLE",
            "d",
            "time.epoch",
            "Time or beginning of the observation, MJD in TAI; null where the packet does not say its scale",
            system="TAI_MJD",
        ),
        Column("mjd_error", "DOUBLE", "d", "stat.error;time.epoch", "Error of mjd"),
        Column("ra", "DOUBLE", "deg", "pos.eq.ra;meta.main", "Right ascension, ICRS", system="ICRS"),
        Column("dec", "DOUBLE", "deg", "pos.eq.dec;meta.main", "Declination, ICRS", system="ICRS"),
        Column("error_radius", "DOUBLE", "deg", "stat.error;pos.eq", "Radius of the error of the position"),
        Column("healpix", "BIGINT", "", "pos.healpix", "Nested HEALPix cell of the position, order 29"),
        Column(
            "coordinate_system", "VARCHAR", "", "pos.frame", "System of time and place as the packet names it"
        ),
        Column("observatory", "VARCHAR", "", "meta.id;instr.obsty", "Observatory or spacecraft"),
        Column("type", "VARCHAR", "", "meta.code.class", "Type of the event, such as grb or supernova"),
        Column("concept", "VARCHAR", "", "meta.code.class", "What the author takes the event for"),
        Column("name", "VARCHAR", "", "meta.id;src", "Name of the thing that was seen"),
        Column("importance", "DOUBLE", "", "meta.code.qual", "Importance by the author, 0 to 1"),
        Column("expires", "TIMESTAMP", "", "time.end", "When the event is of no more use, UTC", system="UTC"),
        Column("description", "VARCHAR", "", "meta.note", "What the packet says of itself"),
        Column("n_citations", "INTEGER", "", "meta.number", "Events that this one cites"),
        Column("source", "VARCHAR", "", "meta.id;meta.file", "File, topic or broker the packet came from"),
        Column("size", "BIGINT", "byte", "phys.size;meta.file", "Size of the packet"),
        Column("digest", "BLOB", "", "meta.code", "SHA-256 of the packet"),
        Column("packet", "BLOB", "", "meta;meta.file", "The packet as it arrived"),
    ),
    "VOEvents that were received, one row a packet",
    Position("ra", "dec", "healpix"),
)

VOEVENT_PARAM = Table(
    "voevent_param",
    (
        Column("ivorn", "VARCHAR", "", "meta.ref.ivoid;meta.main", "IVOA identifier of the event"),
        Column("place", "INTEGER", "", "meta.number", "Place of the value in its packet, from 1"),
        Column("group_name", "VARCHAR", "", "meta.id", "Group of the value; null where it is in none"),
        Column("name", "VARCHAR", "", "meta.id", "Name of the value"),
        Column("value", "VARCHAR", "", "meta.note", "The value as written"),
        Column("number", "DOUBLE", "", "meta.number", "The value where it is a finite number, in unit"),
        Column("unit", "VARCHAR", "", "meta.unit", "Unit as written"),
        Column("ucd", "VARCHAR", "", "meta.ucd", "UCD as written"),
    ),
    "What was measured: one row for each Param of a received VOEvent",
)

VOEVENT_CITATION = Table(
    "voevent_citation",
    (
        Column("ivorn", "VARCHAR", "", "meta.ref.ivoid;meta.main", "Event that cites"),
        Column("cite", "VARCHAR", "", "meta.code", "followup, supersedes or retraction"),
        Column("cited", "VARCHAR", "", "meta.ref.ivoid", "Event that is cited, received or not"),
    ),
    "Which received VOEvent cites which",
)
