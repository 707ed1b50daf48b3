"""The whole check: the WITH clause, then the query, then the names of its columns."""

from __future__ import annotations

from vobroker.adql import tree
from vobroker.adql.check import conditions, queries, values
from vobroker.adql.check.context import CommonTable, Context, Scope
from vobroker.adql.check.model import CheckedQuery, Output, ValueType
from vobroker.adql.check.names import same_name
from vobroker.votypes.columns import Column


class Checker(Context):
    """The rules for values, conditions and queries, brought together."""

    def value(self, node: tree.Value, scope: Scope, *, outputs_first: bool = False) -> ValueType:
        """Find the type of a value and of all in it."""
        kind = self.checked.types[id(node)] = values.value(self, node, scope, outputs_first)
        return kind

    def condition(self, node: tree.Condition, scope: Scope) -> None:
        """Check a condition and all in it."""
        conditions.condition(self, node, scope)

    def query(self, body: tree.QueryBody, outer: Scope | None) -> tuple[Output, ...]:
        """Check a query and give its columns; ``outer`` is where it stands in another one."""
        outputs = self.checked.outputs[id(body)] = queries.query(self, body, outer)
        return outputs

    def run(self) -> CheckedQuery:
        """Check the query."""
        query = self.checked.query
        for number, cte in enumerate(query.ctes, 1):
            if any(same_name(cte.name, other.name) for other in self.ctes):
                self.fail("duplicate-name", f"WITH names {cte.name.text} twice.", cte.name)
            outputs = self.query(cte.query, None)
            self.checked.with_names[id(cte)] = f"w{number}"
            self.ctes.append(CommonTable(cte.name, f"w{number}", outputs))
        outputs = self.query(query.body, None)
        self.checked.columns = tuple(
            Column(
                name,
                o.type.type,
                o.type.unit or "",
                o.type.ucd,
                o.type.description,
                o.type.utype,
                o.type.system,
            )
            for name, o in zip(_unique([o.name for o in outputs]), outputs, strict=True)
        )
        return self.checked


def _unique(names: list[str]) -> list[str]:
    """Make names different for engines that ignore case: the second ``ra`` becomes ``ra_2``."""
    seen: set[str] = set()
    result = []
    for name in names:
        candidate, number = name, 2
        while candidate.lower() in seen:
            candidate, number = f"{name}_{number}", number + 1
        seen.add(candidate.lower())
        result.append(candidate)
    return result
