"""What engines say in different words when an archive is looked through."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Dialect:
    """Queries of an engine.

    Attributes
    ----------
    similar
        ``survey`` and ``object_id`` of the ``$2`` objects whose identifier is most like ``$1``.
    misspelt
        ``object_id`` and ``distance`` of the ``$2`` nearest that differ in at most three letters.
    arrivals
        Table with the order in which alerts arrived, where rows are in no order of their own.
    """

    similar: str
    misspelt: str
    arrivals: str = ""


_DUCKDB = Dialect(
    similar="""
        SELECT survey, object_id FROM object
        ORDER BY jaro_winkler_similarity(object_id, $1) DESC, object_id LIMIT $2
    """,
    misspelt="""
        SELECT DISTINCT object_id, damerau_levenshtein(lower(object_id), lower($1)) AS distance FROM object
        WHERE distance BETWEEN 0 AND 3 ORDER BY distance, object_id LIMIT $2
    """,
)

# Edit distances are in extensions that not every server has: letters are compared place by place, of the
# objects that begin alike, which the index on lower(object_id) finds.
_BY_LETTERS = """
    SELECT {columns}, abs(length(object_id) - length($1)) + (
        SELECT count(*) FROM generate_series(1, least(length(object_id), length($1))) AS place
        WHERE substr(lower(object_id), place, 1) <> substr(lower($1), place, 1)
    ) AS distance
    FROM object WHERE starts_with(lower(object_id), left(lower($1), {same}))
"""

_POSTGRESQL = Dialect(
    similar=f"""
        SELECT survey, object_id FROM ({_BY_LETTERS.format(columns="survey, object_id", same=3)}) AS told
        ORDER BY distance, object_id LIMIT $2
    """,  # noqa: S608
    misspelt=f"""
        SELECT object_id, distance FROM ({_BY_LETTERS.format(columns="DISTINCT object_id", same=3)}) AS told
        WHERE distance <= 3 ORDER BY distance, object_id LIMIT $2
    """,  # noqa: S608
    arrivals="arrival",
)


def dialect(platform: str) -> Dialect:
    """Give the words of a platform's engine."""
    return _POSTGRESQL if platform.startswith("postgresql") else _DUCKDB
