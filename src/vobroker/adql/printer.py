"""Tree to canonical ADQL: one spelling for each meaning.

Keywords are in upper case, names as written, single spaces, brackets where the grammar needs them. Parsing
the text again gives an equal tree, which makes it fit for comparing and versioning queries.
"""

from __future__ import annotations

from vobroker.adql import tree

_GEOMETRY, _CONCATENATION, _SUM, _TERM, _FACTOR, _PRIMARY = range(6)
OR, AND, NOT = range(1, 4)
_OF_SHAPES = ("CONTAINS", "INTERSECTS", "AREA", "COORDSYS")


def to_text(query: tree.Query) -> str:
    """Write a query as canonical ADQL."""
    ctes = ", ".join(f"{identifier_text(cte.name)} AS ({_body(cte.query)})" for cte in query.ctes)
    return (f"WITH {ctes} " if ctes else "") + _body(query.body)


def identifier_text(name: tree.Identifier) -> str:
    """Write a name, in double quotes where it was."""
    return '"' + name.text.replace('"', '""') + '"' if name.delimited else name.text


def _path(path: tree.Path) -> str:
    return ".".join(map(identifier_text, path))


def alias_text(alias: tree.Identifier | None) -> str:
    """Write the name that a value or table gets."""
    return f" AS {identifier_text(alias)}" if alias else ""


# --- queries ---


def _body(body: tree.QueryBody) -> str:
    match body:
        case tree.Select():
            return _select(body)
        case tree.SetExpression(first=first, steps=steps):
            text = _operand(first, body)
            for step in steps:
                text += f" {set_operator(step)} {_operand(step.operand, body)}"
            return text
        case tree.Ordered(body=inner, order=order, offset=offset):
            text = f"({_body(inner)})" if isinstance(inner, tree.Ordered) else _body(inner)
            if order:
                terms = (value_text(term.value) + direction_text(term) for term in order)
                text += f" ORDER BY {', '.join(terms)}"
            return text + (f" OFFSET {offset}" if offset is not None else "")


def direction_text(term: tree.OrderTerm) -> str:
    """Write the direction of a term of ORDER BY, if it has one."""
    return f" {term.direction}" if term.direction else ""


def _operand(operand: tree.QueryBody, of: tree.SetExpression) -> str:
    return _body(operand) if stands_free(operand, of) else f"({_body(operand)})"


def stands_free(operand: tree.QueryBody, of: tree.SetExpression) -> bool:
    """Whether an operand of a set operator needs no brackets: INTERSECT binds more tightly than others."""
    if isinstance(operand, tree.SetExpression):
        return operand.steps[0].operator == "INTERSECT" and of.steps[0].operator != "INTERSECT"
    return isinstance(operand, tree.Select)


def set_operator(step: tree.SetStep) -> str:
    """Write a set operator."""
    return f"{step.operator}{' ALL' if step.all else ''}"


def _select(select: tree.Select) -> str:
    text = f"{select_header(select)} {', '.join(map(item_text, select.items))}"
    text += " FROM " + ", ".join(map(table_text, select.tables))
    if select.where:
        text += f" WHERE {condition_text(select.where)}"
    if select.group:
        text += f" GROUP BY {', '.join(map(value_text, select.group))}"
    if select.having:
        text += f" HAVING {condition_text(select.having)}"
    return text


def select_header(select: tree.Select) -> str:
    """Write what stands before the items."""
    text = "SELECT"
    if select.quantifier:
        text += f" {select.quantifier}"
    return text + (f" TOP {select.top}" if select.top is not None else "")


def item_text(item: tree.AllColumns | tree.DerivedColumn) -> str:
    """Write an item of SELECT."""
    if isinstance(item, tree.AllColumns):
        return f"{_path(item.qualifier)}.*" if item.qualifier else "*"
    return value_text(item.value) + alias_text(item.alias)


def table_text(table: tree.TableExpression) -> str:
    """Write a table of FROM."""
    match table:
        case tree.TableName(path=path, alias=alias):
            return _path(path) + alias_text(alias)
        case tree.DerivedTable(query=query, alias=alias):
            return f"({_body(query)}){alias_text(alias)}"
        case tree.JoinedTable(first=first, joins=joins):
            return " ".join([_joinable(first), *map(_join, joins)])


def _joinable(table: tree.TableExpression) -> str:
    return f"({table_text(table)})" if isinstance(table, tree.JoinedTable) else table_text(table)


def _join(join: tree.Join) -> str:
    text = f"{join_header(join)} {_joinable(join.table)}"
    if isinstance(join.condition, tuple):
        return f"{text} USING ({', '.join(map(identifier_text, join.condition))})"
    return f"{text} ON {condition_text(join.condition)}" if join.condition else text


def join_header(join: tree.Join) -> str:
    """Write what stands before the joined table."""
    return f"{'NATURAL ' if join.natural else ''}{join.kind} JOIN"


# --- conditions ---


def condition_text(node: tree.Condition, level: int = OR) -> str:
    """Write a condition, in brackets where ``level`` binds more tightly."""
    match node:
        case tree.Logical(operator=operator, operands=operands):
            own = level_of(node)
            text = f" {operator} ".join(condition_text(operand, own + 1) for operand in operands)
            return f"({text})" if level > own else text
        case tree.Not(operand=operand):
            text = f"NOT {condition_text(operand, NOT + 1)}"
            return f"({text})" if level > NOT else text
        case tree.Comparison(left=left, operator=operator, right=right):
            return f"{value_text(left)} {operator} {value_text(right)}"
        case tree.Between(subject=subject, low=low, high=high):
            between = f"{_no(node.negated)}BETWEEN {value_text(low)} AND {value_text(high)}"
            return f"{value_text(subject)} {between}"
        case tree.In(subject=subject, choices=tuple() as choices):
            return f"{value_text(subject)} {_no(node.negated)}IN ({', '.join(map(value_text, choices))})"
        case tree.In(subject=subject, choices=query):
            return f"{value_text(subject)} {_no(node.negated)}IN ({_body(query)})"  # type: ignore[arg-type]
        case tree.Like(subject=subject, operator=operator, pattern=pattern):
            return f"{value_text(subject)} {_no(node.negated)}{operator} {value_text(pattern)}"
        case tree.IsNull(subject=subject):
            return f"{value_text(subject)} IS {_no(node.negated)}NULL"
        case tree.Exists(query=query):
            return f"EXISTS ({_body(query)})"


def level_of(node: tree.Logical) -> int:
    """How tightly the operator binds."""
    return OR if node.operator == "OR" else AND


def _no(negated: bool) -> str:
    return "NOT " if negated else ""


# --- values ---


def value_text(node: tree.Value, level: int = _GEOMETRY) -> str:
    """Write a value, in brackets where ``level`` binds more tightly."""
    text, own = _value_and_level(node)
    return f"({text})" if level > own else text


def _value_and_level(node: tree.Value) -> tuple[str, int]:
    """Write a value and say how tightly its outermost operator binds."""
    match node:
        case tree.Concatenation(operands=operands):
            return " || ".join(value_text(operand, _SUM) for operand in operands), _CONCATENATION
        case tree.Arithmetic(first=first, steps=steps):
            own = _SUM if steps[0][0] in "+-" else _TERM
            text = value_text(first, own + 1)
            for operator, operand in steps:
                text += f" {operator} {value_text(operand, own + 1)}"
            return text, own
        case tree.Signed(sign=sign, operand=operand):
            return f"{sign}{value_text(operand, _PRIMARY)}", _FACTOR
        case _:
            return _primary(node), _GEOMETRY if isinstance(node, tree.Geometry) else _PRIMARY


def _primary(node: tree.Value) -> str:
    match node:
        case tree.Number(text=text):
            return text
        case tree.String(text=text):
            return _string(text)
        case tree.Null():
            return "NULL"
        case tree.ColumnReference(path=path):
            return _path(path)
        case tree.Function(name=name, arguments=arguments):
            write = _shape if name in _OF_SHAPES and not node.user_defined else value_text
            return f"{name}({', '.join(map(write, arguments))})"
        case tree.Aggregate(name=name, quantifier=quantifier, argument=argument):
            inner = "*" if argument is None else value_text(argument)
            return f"{name}({quantifier + ' ' if quantifier else ''}{inner})"
        case tree.Case():
            return _case(node)
        case tree.Cast(value=value, target=target):
            length = f"({target.length})" if target.length is not None else ""
            return f"CAST({value_text(value)} AS {target.name}{length})"
        case tree.InUnit(value=value, unit=unit):
            return f"IN_UNIT({value_text(value)}, {_string(unit.text)})"
        case tree.Point(coordinates=coordinates):
            return f"POINT({_beginning(node.system, coordinates)})"
        case tree.Circle(centre=centre, radius=radius):
            return f"CIRCLE({_beginning(node.system, centre)}, {value_text(radius, _CONCATENATION)})"
        case tree.Box(centre=centre, size=size):
            return f"BOX({_beginning(node.system, centre)}, {_place(size)})"
        case tree.Polygon(vertices=vertices):
            return f"POLYGON({', '.join([_beginning(node.system, vertices[0]), *map(_place, vertices[1:])])})"
        case tree.Centroid(shape=shape):
            return f"CENTROID({_shape(shape)})"
        case tree.Region(text=text):
            return f"REGION({_string(text.text)})"
        case _:
            raise TypeError(f"not a value: {type(node).__name__}")


def _case(node: tree.Case) -> str:
    text = "CASE" + (f" {value_text(node.subject)}" if node.subject is not None else "")
    for test, result in node.branches:
        when = condition_text(test) if isinstance(test, tree.Condition) else value_text(test)
        text += f" WHEN {when} THEN {value_text(result)}"
    return text + (f" ELSE {value_text(node.default)}" if node.default is not None else "") + " END"


def _string(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _beginning(system: tree.System | None, place: tree.Pair | tree.Value) -> str:
    """Write coordinate system and first place; in brackets a string or NULL is a coordinate and no system."""
    if system is not None:
        return f"{_primary(system)}, {_place(place)}"
    if isinstance(place, tuple) and isinstance(place[0], tree.System):
        return f"({_primary(place[0])}), {value_text(place[1], _CONCATENATION)}"
    return _place(place)


def _shape(node: tree.Value) -> str:
    return value_text(node, _GEOMETRY if isinstance(node, tree.Geometry) else _PRIMARY)


def _place(place: tree.Pair | tree.Value) -> str:
    if isinstance(place, tuple):
        return ", ".join(value_text(part, _CONCATENATION) for part in place)
    return value_text(place)
