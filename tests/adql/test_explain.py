from vobroker.adql import check, parse
from vobroker.adql.explain import outline
from vobroker.votypes.columns import Column, Table

TABLES = {"t": Table("t", (Column("ra", "DOUBLE", "deg", "pos.eq.ra"), Column("n", "INTEGER")))}


def test_the_outline_follows_the_text_and_names_each_role() -> None:
    lines = list(outline(parse("SELECT ra FROM t WHERE n > 3")))
    assert [(line.depth, line.role, line.kind) for line in lines] == [
        (0, "", "Query"),
        (1, "body", "Select"),
        (2, "items", "DerivedColumn"),
        (3, "value", "ColumnReference"),
        (2, "tables", "TableName"),
        (2, "where", "Comparison"),
        (3, "left", "ColumnReference"),
        (3, "right", "Number"),
    ]


def test_a_checked_query_has_types_and_units() -> None:
    query = parse("SELECT ra + n FROM t")
    line = next(line for line in outline(query, check(query, TABLES)) if line.kind == "Arithmetic")
    assert (line.type, line.unit, line.text) == ("DOUBLE", "deg", "ra + n")


def test_long_text_is_shortened_to_a_line() -> None:
    lines = list(outline(parse("SELECT ra\nFROM t\nWHERE " + " AND ".join(f"n <> {i}" for i in range(50)))))
    assert all("\n" not in line.text and len(line.text) <= 60 for line in lines)
