"""Tree to canonical ADQL: one spelling for each meaning.

Keywords are in upper case, names as written, single spaces, brackets where the grammar needs them. Parsing
the text again gives an equal tree, which makes it fit for comparing and versioning queries.
"""

from __future__ import annotations

from vobroker.adql import tree

_GEOMETRY, _CONCATENATION, _SUM, _TERM, _FACTOR, _PRIMARY = range(6)
_OR, _AND, _NOT = range(1, 4)
_OF_SHAPES = ("CONTAINS", "INTERSECTS", "AREA", "COORDSYS")


def to_text(query: tree.Query) -> str:
    """Write a query as canonical ADQL."""
    ctes = ", ".join(f"{_identifier(cte.name)} AS ({_body(cte.query)})" for cte in query.ctes)
    return (f"WITH {ctes} " if ctes else "") + _body(query.body)


def _identifier(name: tree.Identifier) -> str:
    return '"' + name.text.replace('"', '""') + '"' if name.delimited else name.text


def _path(path: tree.Path) -> str:
    return ".".join(map(_identifier, path))


def _alias(alias: tree.Identifier | None) -> str:
    return f" AS {_identifier(alias)}" if alias else ""


# --- queries ---


def _body(body: tree.QueryBody) -> str:
    match body:
        case tree.Select():
            return _select(body)
        case tree.SetExpression(first=first, steps=steps):
            high = steps[0].operator == "INTERSECT"
            text = _operand(first, high)
            for step in steps:
                text += f" {step.operator}{' ALL' if step.all else ''} {_operand(step.operand, high)}"
            return text
        case tree.Ordered(body=inner, order=order, offset=offset):
            text = f"({_body(inner)})" if isinstance(inner, tree.Ordered) else _body(inner)
            if order:
                text += " ORDER BY " + ", ".join(
                    _value(term.value) + (f" {term.direction}" if term.direction else "") for term in order
                )
            return text + (f" OFFSET {offset}" if offset is not None else "")


def _operand(body: tree.QueryBody, of_intersect: bool) -> str:
    """Write an operand of a set operator; INTERSECT binds more tightly than UNION and EXCEPT."""
    if isinstance(body, tree.Select):
        return _select(body)
    inner_intersect = isinstance(body, tree.SetExpression) and body.steps[0].operator == "INTERSECT"
    return _body(body) if inner_intersect and not of_intersect else f"({_body(body)})"


def _select(select: tree.Select) -> str:
    text = "SELECT"
    if select.quantifier:
        text += f" {select.quantifier}"
    if select.top is not None:
        text += f" TOP {select.top}"
    text += " " + ", ".join(map(_item, select.items))
    text += " FROM " + ", ".join(map(_table, select.tables))
    if select.where:
        text += f" WHERE {_condition(select.where)}"
    if select.group:
        text += f" GROUP BY {', '.join(map(_value, select.group))}"
    if select.having:
        text += f" HAVING {_condition(select.having)}"
    return text


def _item(item: tree.AllColumns | tree.DerivedColumn) -> str:
    if isinstance(item, tree.AllColumns):
        return f"{_path(item.qualifier)}.*" if item.qualifier else "*"
    return _value(item.value) + _alias(item.alias)


def _table(table: tree.TableExpression) -> str:
    match table:
        case tree.TableName(path=path, alias=alias):
            return _path(path) + _alias(alias)
        case tree.DerivedTable(query=query, alias=alias):
            return f"({_body(query)}){_alias(alias)}"
        case tree.JoinedTable(first=first, joins=joins):
            return " ".join([_joinable(first), *map(_join, joins)])


def _joinable(table: tree.TableExpression) -> str:
    return f"({_table(table)})" if isinstance(table, tree.JoinedTable) else _table(table)


def _join(join: tree.Join) -> str:
    text = f"{'NATURAL ' if join.natural else ''}{join.kind} JOIN {_joinable(join.table)}"
    if isinstance(join.condition, tuple):
        return f"{text} USING ({', '.join(map(_identifier, join.condition))})"
    return f"{text} ON {_condition(join.condition)}" if join.condition else text


# --- conditions ---


def _condition(node: tree.Condition, level: int = _OR) -> str:
    match node:
        case tree.Logical(operator=operator, operands=operands):
            own = _OR if operator == "OR" else _AND
            text = f" {operator} ".join(_condition(operand, own + 1) for operand in operands)
            return f"({text})" if level > own else text
        case tree.Not(operand=operand):
            text = f"NOT {_condition(operand, _NOT + 1)}"
            return f"({text})" if level > _NOT else text
        case tree.Comparison(left=left, operator=operator, right=right):
            return f"{_value(left)} {operator} {_value(right)}"
        case tree.Between(subject=subject, low=low, high=high):
            return f"{_value(subject)} {_no(node.negated)}BETWEEN {_value(low)} AND {_value(high)}"
        case tree.In(subject=subject, choices=tuple() as choices):
            return f"{_value(subject)} {_no(node.negated)}IN ({', '.join(map(_value, choices))})"
        case tree.In(subject=subject, choices=query):
            return f"{_value(subject)} {_no(node.negated)}IN ({_body(query)})"  # type: ignore[arg-type]
        case tree.Like(subject=subject, operator=operator, pattern=pattern):
            return f"{_value(subject)} {_no(node.negated)}{operator} {_value(pattern)}"
        case tree.IsNull(subject=subject):
            return f"{_value(subject)} IS {_no(node.negated)}NULL"
        case tree.Exists(query=query):
            return f"EXISTS ({_body(query)})"


def _no(negated: bool) -> str:
    return "NOT " if negated else ""


# --- values ---


def _value(node: tree.Value, level: int = _GEOMETRY) -> str:
    text, own = _value_and_level(node)
    return f"({text})" if level > own else text


def _value_and_level(node: tree.Value) -> tuple[str, int]:
    """Write a value and say how tightly its outermost operator binds."""
    match node:
        case tree.Concatenation(operands=operands):
            return " || ".join(_value(operand, _SUM) for operand in operands), _CONCATENATION
        case tree.Arithmetic(first=first, steps=steps):
            own = _SUM if steps[0][0] in "+-" else _TERM
            text = _value(first, own + 1)
            for operator, operand in steps:
                text += f" {operator} {_value(operand, own + 1)}"
            return text, own
        case tree.Signed(sign=sign, operand=operand):
            return f"{sign}{_value(operand, _PRIMARY)}", _FACTOR
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
            write = _shape if name in _OF_SHAPES and not node.user_defined else _value
            return f"{name}({', '.join(map(write, arguments))})"
        case tree.Aggregate(name=name, quantifier=quantifier, argument=argument):
            inner = "*" if argument is None else _value(argument)
            return f"{name}({quantifier + ' ' if quantifier else ''}{inner})"
        case tree.Case():
            return _case(node)
        case tree.Cast(value=value, target=target):
            length = f"({target.length})" if target.length is not None else ""
            return f"CAST({_value(value)} AS {target.name}{length})"
        case tree.InUnit(value=value, unit=unit):
            return f"IN_UNIT({_value(value)}, {_string(unit.text)})"
        case tree.Point(coordinates=coordinates):
            return f"POINT({_system(node.system)}{_place(coordinates)})"
        case tree.Circle(centre=centre, radius=radius):
            return f"CIRCLE({_system(node.system)}{_place(centre)}, {_value(radius, _CONCATENATION)})"
        case tree.Box(centre=centre, size=size):
            return f"BOX({_system(node.system)}{_place(centre)}, {_place(size)})"
        case tree.Polygon(vertices=vertices):
            return f"POLYGON({_system(node.system)}{', '.join(map(_place, vertices))})"
        case tree.Centroid(shape=shape):
            return f"CENTROID({_shape(shape)})"
        case tree.Region(text=text):
            return f"REGION({_string(text.text)})"
        case _:
            raise TypeError(f"not a value: {type(node).__name__}")


def _case(node: tree.Case) -> str:
    text = "CASE" + (f" {_value(node.subject)}" if node.subject is not None else "")
    for test, result in node.branches:
        when = _condition(test) if isinstance(test, tree.Condition) else _value(test)
        text += f" WHEN {when} THEN {_value(result)}"
    return text + (f" ELSE {_value(node.default)}" if node.default is not None else "") + " END"


def _string(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _system(system: tree.System | None) -> str:
    return "" if system is None else f"{_primary(system)}, "


def _shape(node: tree.Value) -> str:
    return _value(node, _GEOMETRY if isinstance(node, tree.Geometry) else _PRIMARY)


def _place(place: tree.Pair | tree.Value) -> str:
    if isinstance(place, tuple):
        return ", ".join(_value(part, _CONCATENATION) for part in place)
    return _value(place)
