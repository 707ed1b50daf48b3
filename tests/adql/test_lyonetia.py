"""The validator corpus of the IVOA: our verdict against the label of each query."""

from __future__ import annotations

import json
from pathlib import Path

from vobroker.adql import AdqlError, parse, tree

CONTESTED = {
    # ADQL 2.1 appendix A: join_specification is optional in qualified_join, and other queries of the same
    # corpus (gavo/simpleunit) label "t1 JOIN t2" valid. The checker refuses it, with a suggestion.
    "d4c3a72c": "SELECT * FROM t1 INNER JOIN t2",
    # ADQL 2.1 appendix A has no continuation of a string over a comment; SQL92 and ADQL 2.0 had.
    "065d4842": "'qua' -- cmt, newline, 'tsch'",
}


def verdict(entry: dict[str, object]) -> bool:
    """Parse, and ask for declared functions: a prefix ``ivo_`` (catalogued functions) or a declaration."""
    try:
        query = parse(str(entry["query"]))
    except AdqlError:
        return False
    declared = {str(udf).split("(")[0].lower() for udf in entry["udfs"]}  # type: ignore[attr-defined]
    return all(
        node.name.lower() in declared or node.name.lower().startswith(("ivo_", "gavo_"))
        for node in tree.walk(query)
        if isinstance(node, tree.Function) and node.user_defined
    )


def test_verdicts_agree_on_all_uncontested_queries(shared: Path) -> None:
    entries = [json.loads(line) for line in (shared / "adql" / "lyonetia.jsonl").read_text().splitlines()]
    wrong = {entry["id"][:8]: entry["query"] for entry in entries if verdict(entry) != entry["valid"]}
    assert len(entries) == 495
    assert set(wrong) == set(CONTESTED)
