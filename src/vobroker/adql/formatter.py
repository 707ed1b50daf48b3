"""Tree to ADQL that people read: one clause in a line, long ones broken, subqueries indented, comments kept.

The words are those of the canonical form; only the line breaks differ, and the comments of the source.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from vobroker.adql import printer, tree
from vobroker.adql.layout import Block, Line, Run, append, line, write
from vobroker.adql.parser import parser
from vobroker.adql.peg import Tokens
from vobroker.adql.printer import NOT, OR

_COMMENT = re.compile(r"--[^\n]*")


def format_query(query: tree.Query) -> str:
    """Write a query in lines, with the comments of the text that it was parsed from.

    A comment on a line of its own stays before what follows it; one at the end of a line stays at the end of
    the line with what it followed. The result parses to an equal tree and is its own format.
    """
    tokens = parser().tokens(query.text)
    return write(_Formatter(tokens).query(query), _comments(query.text, tokens), query.text)


def _comments(text: str, tokens: Tokens) -> Iterator[tuple[int, str]]:
    """Find the comments: they are between tokens, where a string cannot be taken for one."""
    for start, end in zip([0, *tokens.ends], tokens.starts, strict=False):
        for comment in _COMMENT.finditer(text, start, end):
            yield comment.start(), comment.group().rstrip()


class _Formatter:
    """Lines of a query; the tokens say where the words are that the tree does not hold."""

    def __init__(self, tokens: Tokens) -> None:
        self.kinds, self.starts, self.ends = tokens.kinds, tokens.starts, tokens.ends
        self.number_at = {start: number for number, start in enumerate(tokens.starts)}
        self.number_to = {end: number for number, end in enumerate(tokens.ends)}

    # --- places ---

    def word(self, kind: str, before: tree.Node) -> tree.Span:
        """Place of the keyword or bracket right before a node; brackets that mean nothing are passed over."""
        number = self.number_at[before.span[0]] - 1
        while number >= 0 and self.kinds[number] in ("(", "BY") and self.kinds[number] != kind:
            number -= 1
        if number >= 0 and self.kinds[number] == kind:
            return self.starts[number], self.ends[number]
        return before.span[0], before.span[0]

    def closing(self, after: tree.Node) -> tree.Span:
        """Place of the bracket that closes behind a node."""
        number = self.number_to[after.span[1]] + 1
        if self.kinds[number] == ")":
            return self.starts[number], self.ends[number]
        return after.span[1], after.span[1]

    # --- queries ---

    def query(self, query: tree.Query) -> list[Line]:
        lines = self.body(query.body)
        if not query.ctes:
            return lines
        header = Run("WITH", self.word("WITH", query.ctes[0]))
        return [_clause(header, [self.common_table(cte) for cte in query.ctes]), *lines]

    def common_table(self, cte: tree.WithQuery) -> Line:
        return line(Run(f"{printer.identifier_text(cte.name)} AS ", cte.name.span), self.bracketed(cte.query))

    def bracketed(self, body: tree.QueryBody) -> Line:
        return line(
            Run("(", self.word("(", body)),
            Block(tuple(self.body(body)), spaced=False, always=True),
            Run(")", self.closing(body)),
        )

    def body(self, body: tree.QueryBody) -> list[Line]:
        match body:
            case tree.Select():
                return list(self.select(body))
            case tree.SetExpression():
                return list(self.set_expression(body))
            case tree.Ordered(body=inner):
                lines = [self.bracketed(inner)] if isinstance(inner, tree.Ordered) else self.body(inner)
                return [*lines, *self.order(body)]

    def order(self, body: tree.Ordered) -> Iterator[Line]:
        if body.order:
            header = Run("ORDER BY", self.word("ORDER", body.order[0]))
            yield _clause(header, [self.order_term(term) for term in body.order])
        if body.offset is not None:
            count = self.number_to[body.span[1]]
            yield line(Run(f"OFFSET {body.offset}", (self.starts[count - 1], self.ends[count])))

    def order_term(self, term: tree.OrderTerm) -> Line:
        end = (term.span[1], term.span[1])
        return line(self.value(term.value), Run(printer.direction_text(term), end))

    def set_expression(self, body: tree.SetExpression) -> Iterator[Line]:
        yield from self.operand(body.first, body)
        for step in body.steps:
            start = step.span[0]
            yield line(Run(printer.set_operator(step), (start, start + len(step.operator))))
            yield from self.operand(step.operand, body)

    def operand(self, operand: tree.QueryBody, of: tree.SetExpression) -> list[Line]:
        return self.body(operand) if printer.stands_free(operand, of) else [self.bracketed(operand)]

    def select(self, select: tree.Select) -> Iterator[Line]:
        start, first = select.span[0], select.items[0]
        end = self.ends[max(self.number_at[first.span[0]] - 1, self.number_at[start])]
        yield _clause(Run(printer.select_header(select), (start, end)), [self.item(i) for i in select.items])
        yield self.from_clause(select.tables)
        if select.where:
            yield self.conditional(Run("WHERE", self.word("WHERE", select.where)), select.where)
        if select.group:
            header = Run("GROUP BY", self.word("GROUP", select.group[0]))
            yield _clause(header, [self.value(value) for value in select.group])
        if select.having:
            yield self.conditional(Run("HAVING", self.word("HAVING", select.having)), select.having)

    def item(self, item: tree.AllColumns | tree.DerivedColumn) -> Line:
        if isinstance(item, tree.DerivedColumn) and isinstance(item.value, tree.Case):
            end = (item.span[1], item.span[1])
            return line(self.value(item.value), Run(printer.alias_text(item.alias), end))
        return line(Run(printer.item_text(item), item.span))

    # --- tables ---

    def from_clause(self, tables: Sequence[tree.TableExpression]) -> Line:
        header = Run("FROM", self.word("FROM", tables[0]))
        return _clause(header, [self.table(table) for table in tables])

    def table(self, table: tree.TableExpression) -> Line:
        match table:
            case tree.TableName():
                return line(Run(printer.table_text(table), table.span))
            case tree.DerivedTable(query=query, alias=alias):
                return line(self.bracketed(query), Run(printer.alias_text(alias), alias.span))
            case tree.JoinedTable(first=first, joins=joins):
                return line(self.joinable(first), Block(tuple(map(self.join, joins))))

    def joinable(self, table: tree.TableExpression) -> Line:
        if not isinstance(table, tree.JoinedTable):
            return self.table(table)
        lines = (self.joinable(table.first), *map(self.join, table.joins))
        opening, closing = Run("(", self.word("(", table)), Run(")", self.closing(table))
        return line(opening, Block(lines, spaced=False), closing)

    def join(self, join: tree.Join) -> Line:
        start = Run(f"{printer.join_header(join)} ", (join.span[0], join.span[0]))
        table = line(start, self.joinable(join.table))
        if isinstance(join.condition, tuple):
            names = ", ".join(map(printer.identifier_text, join.condition))
            return line(table, Run(f" USING ({names})", join.condition[-1].span))
        if join.condition is None:
            return table
        return self.conditional(line(table, Run(" ON", self.word("ON", join.condition))), join.condition)

    # --- conditions ---

    def conditional(self, header: Run | Line, condition: tree.Condition) -> Line:
        """Put a condition behind its keyword; all operands but the first get lines of their own."""
        lines = self.operands(condition, OR)
        if isinstance(lines[0][-1], Block):
            return line(header, Block(tuple(lines)))
        rest = [Block(tuple(lines[1:]))] if len(lines) > 1 else []
        return line(header, " ", lines[0], *rest)

    def operands(self, condition: tree.Condition, level: int) -> list[Line]:
        if not isinstance(condition, tree.Logical):
            return [self.condition(condition, level)]
        own = printer.level_of(condition)
        first, *rest = (self.condition(operand, own + 1) for operand in condition.operands)
        return [first, *(line(f"{condition.operator} ", operand) for operand in rest)]

    def condition(self, node: tree.Condition, level: int) -> Line:
        match node:
            case tree.Logical():
                lines = self.operands(node, level)
                if level <= printer.level_of(node):
                    return line(lines[0], Block(tuple(lines[1:])))
                opening, closing = Run("(", self.word("(", node)), Run(")", self.closing(node))
                return line(opening, Block(tuple(lines), spaced=False), closing)
            case tree.Not(operand=operand) if level <= NOT:
                return line(Run("NOT ", (node.span[0], node.span[0] + 3)), self.condition(operand, NOT + 1))
            case tree.Comparison(left=left, operator=operator, right=right):
                return line(self.value(left), f" {operator} ", self.value(right))
            case tree.In(subject=subject, choices=choices) if not isinstance(choices, tuple):
                word = " NOT IN " if node.negated else " IN "
                return line(Run(printer.value_text(subject) + word, subject.span), self.bracketed(choices))
            case tree.Exists(query=query):
                return line(Run("EXISTS ", (node.span[0], node.span[0])), self.bracketed(query))
            case _:
                return line(Run(printer.condition_text(node, level), node.span))

    # --- values ---

    def value(self, node: tree.Value) -> Line:
        """Write a value; only CASE has lines of its own."""
        if not isinstance(node, tree.Case):
            return line(Run(printer.value_text(node), node.span))
        start, end = node.span
        opening = line(Run("CASE", (start, start + 4)))
        if node.subject is not None:
            opening = line(opening, " ", self.value(node.subject))
        branches = [self.branch(*branch) for branch in node.branches]
        if node.default is not None:
            branches.append(line(Run("ELSE ", self.word("ELSE", node.default)), self.value(node.default)))
        return line(opening, Block(tuple(branches)), Run("END", (end - 3, end)))

    def branch(self, test: tree.Condition | tree.Value, result: tree.Value) -> Line:
        when = Run("WHEN", self.word("WHEN", test))
        if isinstance(test, tree.Condition):
            tested = self.conditional(when, test)
        else:
            tested = line(when, " ", self.value(test))
        return line(tested, Run(" THEN ", self.word("THEN", result)), self.value(result))


def _clause(header: Run, items: Iterable[Line]) -> Line:
    """Put items behind their keyword, with commas; several that do not fit get a line each."""
    *most, last = items
    lines = [*(append(item, ",") for item in most), last]
    return line(header, Block(tuple(lines))) if most else line(header, " ", last)
