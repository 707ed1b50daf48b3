"""A small PEG engine: a readable grammar file becomes Python functions.

The notation (see ``adql.peg``):

=====================  ===================================================================
``Name = ...``         token rule over characters; all of them become one regular expression
``Name <- ...``        syntactic rule over tokens; becomes one Python function
``Name "words" <- ..`` the same, called by these words where an error lists what was expected
``@memo Name <- ...``  results are remembered by place, so that going back costs nothing twice
``@reserved Name ...`` words which are tokens of their own and never the token ``Name``
``@unreserved ...``    words which are not, in a dialect
``@blank Name``        token which is left out
``@nest a b``          tokens that open a nesting level; their depth is limited
``"word"`` ``"+"``     keyword (any case) or symbol
``a b``  ``a / b``     sequence; ordered choice
``a?`` ``a*`` ``a+``   optional; repeated; at least once
``a % ","``            one or more ``a`` with a comma between
``!a``                 not followed by ``a``
``label:a``            the value of ``a`` is given to the rule's builder
=====================  ===================================================================

A rule that comes twice is the second one, so a dialect is a short text put behind the grammar.

A rule with labels calls the builder of its name with the span of the text and the labelled values;
where the builder is a dataclass its fields must be the labels in order, so grammar and tree cannot
drift apart. A rule without labels gives the value of its only part that has one, or a tuple.

Speed comes from tokens (one pass of :mod:`re`), from the first sets (a choice enters an alternative only
when the next token can begin it), and from parsing without any bookkeeping for errors: a text that does
not parse is parsed once more by a second version of the functions, which note the farthest failure.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

Span = tuple[int, int]
"""Start and end in the text, in characters."""

END = ""
"""Kind of the token after the last one."""

OTHER = "?"
"""Kind of a character that begins no token."""


class GrammarError(Exception):
    """The grammar file itself is wrong."""


class SyntaxFailureError(Exception):
    """The text does not follow the grammar.

    Attributes
    ----------
    code
        ``syntax``, ``too-long``, ``too-deep`` or ``too-many-steps``.
    at
        Number of the token where the farthest attempt failed.
    expected
        What could have stood there, sorted.
    tokens
        The tokens up to the failure's end, for better advice.
    """

    def __init__(self, code: str, at: int, expected: tuple[str, ...], tokens: Tokens) -> None:
        super().__init__(code)
        self.code, self.at, self.expected, self.tokens = code, at, expected, tokens


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text in tokens, as parallel lists; the last one is :data:`END`."""

    kinds: list[str]
    texts: list[str]
    starts: list[int]
    ends: list[int]
    too_deep: int = -1


@dataclass(frozen=True, slots=True)
class Limits:
    """What a text may cost: characters, levels of nesting, and rule calls per token."""

    length: int = 100_000
    depth: int = 40
    steps_per_token: int = 300


# --- the notation, as a tree ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Text:
    text: str


@dataclass(frozen=True, slots=True)
class _Class:
    pattern: str


@dataclass(frozen=True, slots=True)
class _Name:
    name: str


@dataclass(frozen=True, slots=True)
class _Sequence:
    parts: tuple[_Part, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    options: tuple[_Part, ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    part: _Part
    sign: str
    separator: str = ""


@dataclass(frozen=True, slots=True)
class _Not:
    part: _Part


@dataclass(frozen=True, slots=True)
class _Label:
    label: str
    part: _Part


_Part = _Text | _Class | _Name | _Sequence | _Choice | _Repeat | _Not | _Label


@dataclass(slots=True)
class _Rule:
    name: str
    body: _Part
    words: str = ""
    memo: bool = False


@dataclass(slots=True)
class _Grammar:
    tokens: dict[str, _Part] = field(default_factory=dict)
    rules: dict[str, _Rule] = field(default_factory=dict)
    reserved: set[str] = field(default_factory=set)
    word: str = ""
    blank: str = ""
    nest: set[str] = field(default_factory=set)


_NOTATION = re.compile(
    r"""(?P<blank>\s+|\#[^\n]*)|(?P<arrow><-)|(?P<directive>@\w+)|(?P<name>[A-Za-z]\w*)
    |(?P<text>"(?:[^"\\]|\\.)*")|(?P<set>\[(?:[^\]\\]|\\.)*\])|(?P<sign>[=/?*+%!():.])""",
    re.VERBOSE,
)


def _read(text: str) -> _Grammar:
    """Read the notation."""
    items: list[tuple[str, str]] = []
    at = 0
    while at < len(text):
        match = _NOTATION.match(text, at)
        if match is None:
            raise GrammarError(f"line {text.count(chr(10), 0, at) + 1}: unknown sign {text[at]!r}")
        if match.lastgroup != "blank":
            items.append((match.lastgroup or "", match.group()))
        at = match.end()
    return _Reader(items).grammar()


class _Reader:
    """Recursive descent over the notation."""

    def __init__(self, items: list[tuple[str, str]]) -> None:
        self.items = [*items, ("end", ""), ("end", ""), ("end", "")]
        self.at = 0

    def grammar(self) -> _Grammar:
        grammar = _Grammar()
        while self.items[self.at][0] != "end":
            if self.items[self.at][0] == "directive" and self.items[self.at][1] != "@memo":
                self.directive(grammar)
            else:
                self.rule(grammar)
        return grammar

    def directive(self, grammar: _Grammar) -> None:
        name = self.next()
        words = []
        while self.items[self.at][0] in ("name", "text") and not self.starts_rule(self.at):
            words.append(self.next().strip('"'))
        if name == "@reserved":
            grammar.word = words[0]
            grammar.reserved.update(words[1:])
        elif name == "@unreserved":
            grammar.reserved.difference_update(words)
        elif name == "@blank":
            grammar.blank = words[0]
        elif name == "@nest":
            grammar.nest.update(words)
        else:
            raise GrammarError(f"unknown directive {name}")

    def rule(self, grammar: _Grammar) -> None:
        memo = self.items[self.at][1] == "@memo"
        self.at += memo
        name = self.next()
        words = self.next().strip('"') if self.items[self.at][0] == "text" else ""
        arrow = self.next()
        body = self.choice()
        if arrow == "=":
            grammar.tokens[name] = body
        elif arrow == "<-":
            grammar.rules[name] = _Rule(name, body, words, memo)
        else:
            raise GrammarError(f"{name}: = or <- expected, not {arrow!r}")

    def starts_rule(self, at: int) -> bool:
        kind, _ = self.items[at]
        after = self.items[at + 1]
        return kind == "name" and (
            after[1] in ("=", "<-") or (after[0] == "text" and self.items[at + 2][1] == "<-")
        )

    def next(self) -> str:
        self.at += 1
        return self.items[self.at - 1][1]

    def choice(self) -> _Part:
        options = [self.sequence()]
        while self.items[self.at] == ("sign", "/"):
            self.at += 1
            options.append(self.sequence())
        return options[0] if len(options) == 1 else _Choice(tuple(options))

    def sequence(self) -> _Part:
        parts = []
        while True:
            kind, text = self.items[self.at]
            if kind in ("end", "directive") or text in ("/", ")") or self.starts_rule(self.at):
                break
            parts.append(self.labelled())
        return parts[0] if len(parts) == 1 else _Sequence(tuple(parts))

    def labelled(self) -> _Part:
        if self.items[self.at][0] == "name" and self.items[self.at + 1] == ("sign", ":"):
            label = self.next()
            self.at += 1
            return _Label(label, self.suffixed())
        return self.suffixed()

    def suffixed(self) -> _Part:
        if self.items[self.at] == ("sign", "!"):
            self.at += 1
            return _Not(self.primary())
        part = self.primary()
        if self.items[self.at][1] in ("?", "*", "+") and self.items[self.at][0] == "sign":
            part = _Repeat(part, self.next())
        elif self.items[self.at] == ("sign", "%"):
            self.at += 1
            part = _Repeat(part, "%", self.next().strip('"'))
        return part

    def primary(self) -> _Part:
        kind, text = self.items[self.at]
        self.at += 1
        if kind == "name":
            return _Name(text)
        if kind == "text":
            return _Text(re.sub(r"\\(.)", r"\1", text[1:-1]))
        if kind == "set":
            return _Class(text)
        if text == ".":
            return _Class(".")
        if text == "(":
            inner = self.choice()
            if self.next() != ")":
                raise GrammarError("a bracket is not closed")
            return inner
        raise GrammarError(f"unexpected {text!r}")


# --- tokens: one regular expression -----------------------------------------------------------------------


def _pattern(part: _Part) -> str:
    """Regular expression of a token rule; atomic and possessive, which is what PEG means."""
    if isinstance(part, _Text):
        return re.escape(part.text)
    if isinstance(part, _Class):
        return part.pattern
    if isinstance(part, _Sequence):
        return "".join(map(_pattern, part.parts))
    if isinstance(part, _Choice):
        return "(?>" + "|".join(map(_pattern, part.options)) + ")"
    if isinstance(part, _Not):
        return f"(?!{_pattern(part.part)})"
    if isinstance(part, _Repeat):
        return f"(?:{_pattern(part.part)}){part.sign}+"
    raise GrammarError(f"a token rule cannot hold {part}")


def _tokenizer(grammar: _Grammar, symbols: set[str]) -> Callable[[str, Limits], Tokens]:
    alternatives = [f"(?P<{name}>{_pattern(part)})" for name, part in grammar.tokens.items()]
    if symbols:
        longest_first = sorted(symbols, key=len, reverse=True)
        alternatives.append(f"(?P<_symbol>{'|'.join(map(re.escape, longest_first))})")
    match = re.compile("|".join([*alternatives, "(?P<_other>(?s:.))"])).finditer
    reserved, word, blank, nest = frozenset(grammar.reserved), grammar.word, grammar.blank, grammar.nest

    def tokens(text: str, limits: Limits) -> Tokens:
        kinds: list[str] = []
        texts: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        depth, too_deep = 0, -1
        for found in match(text):
            kind = found.lastgroup
            if kind == blank:
                continue
            here = found.group()
            if kind == "_symbol":
                kind = here
            elif kind == word:
                upper = here.upper()
                if upper in reserved:
                    kind = here = upper
            elif kind == "_other":
                kind = OTHER
            if kind in nest:
                depth += 1
                if depth > limits.depth and too_deep < 0:
                    too_deep = len(kinds)
            elif kind in (")", "END"):
                depth -= 1
            kinds.append(kind)  # type: ignore[arg-type]
            texts.append(here)
            starts.append(found.start())
            ends.append(found.end())
        kinds.append(END)
        texts.append("")
        starts.append(len(text))
        ends.append(len(text))
        return Tokens(kinds, texts, starts, ends, too_deep)

    return tokens


# --- rules: Python functions ------------------------------------------------------------------------------


class _Compiler:
    """Write the Python source of the functions, once plain and once noting failures."""

    def __init__(
        self, grammar: _Grammar, builders: Mapping[str, Callable[..., Any]], *, noting: bool
    ) -> None:
        self.grammar, self.builders, self.noting = grammar, builders, noting
        self.rules = dict(grammar.rules)
        self.nullable: set[str] = set()
        self.first: dict[str, set[str]] = {}
        self.constants: dict[str, Any] = {}
        self.groups = 0
        self.functions: list[str] = []

    def source(self) -> str:
        queue = list(self.grammar.rules)
        for name in queue:
            self.hoist(self.rules[name])
        self.analyse()
        for rule in self.rules.values():
            self.functions.append(self.function(rule))
        return "\n".join(self.functions)

    # Nested groups become rules of their own, so that each function is a flat list of alternatives.
    def hoist(self, rule: _Rule) -> None:
        options = rule.body.options if isinstance(rule.body, _Choice) else (rule.body,)
        flat = []
        for option in options:
            parts = option.parts if isinstance(option, _Sequence) else (option,)
            flat.append(_Sequence(tuple(self.flat(part, rule.name) for part in parts)))
        rule = _Rule(rule.name, _Choice(tuple(flat)), rule.words, rule.memo)
        self.rules[rule.name] = rule

    def flat(self, part: _Part, owner: str) -> _Part:
        if isinstance(part, _Label):
            return _Label(part.label, self.flat(part.part, owner))
        if isinstance(part, _Repeat):
            inner = (
                self.hoisted(part.part, owner)
                if isinstance(part.part, _Repeat)
                else self.flat(part.part, owner)
            )
            return _Repeat(inner, part.sign, part.separator)
        if isinstance(part, _Not):
            return _Not(self.flat(part.part, owner))
        if isinstance(part, _Name) and part.name not in self.rules and part.name not in self.grammar.tokens:
            raise GrammarError(f"{owner}: no rule {part.name}")
        if isinstance(part, (_Sequence, _Choice)) and not _is_terminal_choice(part):
            return self.hoisted(part, owner)
        return part

    def hoisted(self, part: _Part, owner: str) -> _Name:
        self.groups += 1
        name = f"{owner}_{self.groups}"
        self.rules[name] = _Rule(name, part)
        self.hoist(self.rules[name])
        return _Name(name)

    def analyse(self) -> None:
        """Fix point of nullable rules and first sets."""
        self.first = {name: set() for name in self.rules}
        changed = True
        while changed:
            changed = False
            for name, rule in self.rules.items():
                first, nullable = self.first_of(rule.body)
                if not first <= self.first[name] or (nullable and name not in self.nullable):
                    self.first[name] |= first
                    if nullable:
                        self.nullable.add(name)
                    changed = True

    def first_of(self, part: _Part) -> tuple[set[str], bool]:
        if isinstance(part, _Text):
            return {part.text}, False
        if isinstance(part, _Name):
            if part.name in self.grammar.tokens:
                return {part.name}, False
            return self.first[part.name], part.name in self.nullable
        if isinstance(part, _Label):
            return self.first_of(part.part)
        if isinstance(part, _Repeat):
            first, nullable = self.first_of(part.part)
            return first, nullable or part.sign in "?*"
        if isinstance(part, _Not):
            return set(), True
        if isinstance(part, _Choice):
            each = [self.first_of(option) for option in part.options]
            return set().union(*(first for first, _ in each)), any(nullable for _, nullable in each)
        if isinstance(part, _Sequence):
            found: set[str] = set()
            for inner in part.parts:
                first, nullable = self.first_of(inner)
                found |= first
                if not nullable:
                    return found, False
            return found, True
        raise GrammarError(f"a rule cannot hold {part}")

    def constant(self, value: frozenset[str]) -> str:
        name = f"K{len(self.constants)}"
        self.constants[name] = value
        return name

    def test(self, part: _Part) -> str:
        """Give the Python condition that the token at ``p`` can begin ``part``; empty where anything can."""
        first, nullable = self.first_of(part)
        if nullable or self.noting:
            return ""
        if len(first) == 1:
            return f"kinds[p] == {next(iter(first))!r}"
        return f"kinds[p] in {self.constant(frozenset(first))}"

    def function(self, rule: _Rule) -> str:
        assert isinstance(rule.body, _Choice)
        options: list[_Sequence] = [o for o in rule.body.options if isinstance(o, _Sequence)]
        labels = list(
            dict.fromkeys(p.label for option in options for p in option.parts if isinstance(p, _Label))
        )
        builder = self.builders.get(rule.name)
        if labels and builder is None:
            raise GrammarError(f"{rule.name}: labels, but no builder of that name")
        if builder is not None and dataclasses.is_dataclass(builder):
            fields = [f.name for f in dataclasses.fields(builder)][1:]
            if labels != fields:
                raise GrammarError(f"{rule.name}: labels {labels} are not the fields {fields}")
        lines = [f"def r_{rule.name}(p0):"]
        if rule.memo:
            lines += [
                f"    if p0 in m_{rule.name}: return m_{rule.name}[p0]",
                "    step()",
                f"    r = m_{rule.name}[p0] = b_{rule.name}(p0)",
                "    return r",
                f"def b_{rule.name}(p0):",
            ]
        if self.noting and rule.words:
            lines += [f"    enter(p0, {rule.words!r})", "    try:", "        return n_" + rule.name + "(p0)"]
            lines += ["    finally: leave()", f"def n_{rule.name}(p0):"]
        for option in options:
            lines += self.option(rule, option, labels, builder is not None)
        lines.append("    return None")
        return "\n".join(lines)

    def option(self, rule: _Rule, option: _Sequence, labels: list[str], built: bool) -> list[str]:
        lines: list[str] = ["    p = p0"]
        test = self.test(option)
        lines.append(f"    while {test or 'True'}:")
        values: list[str] = []
        words: list[str] = []
        named: dict[str, str] = {}
        for number, part in enumerate(option.parts):
            target = f"v{number}"
            label = part.label if isinstance(part, _Label) else None
            inner = part.part if isinstance(part, _Label) else part
            lines += ["        " + line for line in self.step(inner, target)]
            if label:
                named[label] = target
            elif isinstance(inner, _Text):
                words.append(inner.text)
            elif not isinstance(inner, _Not):
                values.append(target)
        if labels:
            arguments = [named.get(label, "None") for label in labels]
            value = f"B_{rule.name}((starts[p0], ends[p - 1]), {', '.join(arguments)})"
        elif built:
            value = f"B_{rule.name}((starts[p0], ends[p - 1]), {', '.join(values)})"
        elif len(values) == 1:
            value = values[0]
        elif values:
            value = f"({', '.join(values)})"
        else:
            value = repr(" ".join(words))
        lines.append(f"        return p, {value}")
        return lines

    def fail(self, what: str) -> str:
        return f"note(p, {what!r}); break" if self.noting else "break"

    def step(self, part: _Part, target: str) -> list[str]:
        """Code that reads ``part`` at ``p`` into ``target``, or breaks out of the alternative."""
        if isinstance(part, _Text):
            return [
                f"if kinds[p] != {part.text!r}: {self.fail(part.text)}",
                f"{target} = {part.text!r}",
                "p += 1",
            ]
        if isinstance(part, _Name) and part.name in self.grammar.tokens:
            make = (
                f"B_{part.name}((starts[p], ends[p]), texts[p])" if part.name in self.builders else "texts[p]"
            )
            return [f"if kinds[p] != {part.name!r}: {self.fail(part.name)}", f"{target} = {make}", "p += 1"]
        if isinstance(part, _Name):
            return [f"r = r_{part.name}(p)", "if r is None: break", f"p, {target} = r"]
        if isinstance(part, _Choice):
            texts = frozenset(option.text for option in part.options if isinstance(option, _Text))
            note = "".join(f"note(p, {text!r}); " for text in sorted(texts)) if self.noting else ""
            return [
                f"if kinds[p] not in {self.constant(texts)}: {note}break",
                f"{target} = kinds[p]",
                "p += 1",
            ]
        if isinstance(part, _Not):
            first, _ = self.first_of(part.part)
            return [f"if kinds[p] in {self.constant(frozenset(first))}: {self.fail('something else')}"]
        if isinstance(part, _Repeat):
            return self.repeat(part, target)
        raise GrammarError(f"cannot compile {part}")

    def repeat(self, part: _Repeat, target: str) -> list[str]:
        inner = self.step(part.part, "x")
        test = self.test(part.part) or "True"
        if part.sign == "?":
            body = [*inner, f"{target} = x; q = p; break"]
            return [f"{target} = None", "q = p", f"while {test}:", *_indent(body), "p = q"]
        if part.sign in "*+":
            body = [*inner, f"{target}.append(x)", "q = p"]
            loop = [f"{target} = []", "q = p", f"while {test}:", *_indent(body), "p = q"]
            if part.sign == "+":
                loop.append(f"if not {target}: break")
            return [*loop, f"{target} = tuple({target})"]
        separator = self.step(_Text(part.separator), "_")
        body = [*separator, *inner, f"{target}.append(x)", "q = p"]
        first = self.step(part.part, "x")
        return [
            *first,
            f"{target} = [x]",
            "q = p",
            "while True:",
            *_indent(body),
            "p = q",
            f"{target} = tuple({target})",
        ]


def _indent(lines: list[str]) -> list[str]:
    return ["    " + line for line in lines]


def _is_terminal_choice(part: _Part) -> bool:
    return isinstance(part, _Choice) and all(isinstance(option, _Text) for option in part.options)


def _texts(part: _Part) -> set[str]:
    if isinstance(part, _Text):
        return {part.text}
    if isinstance(part, (_Sequence, _Choice)):
        inner = part.parts if isinstance(part, _Sequence) else part.options
        return set().union(*map(_texts, inner)) if inner else set()
    if isinstance(part, _Repeat):
        return _texts(part.part) | ({part.separator} if part.separator else set())
    if isinstance(part, (_Not, _Label)):
        return _texts(part.part)
    return set()


_PLAIN = """
def parse(tokens, budget):
    kinds, texts, starts, ends = tokens.kinds, tokens.texts, tokens.starts, tokens.ends
    def step():
        nonlocal budget
        budget -= 1
        if budget < 0: raise OutOfSteps
{memos}
{functions}
    r = r_{start}(0)
    return None if r is None or kinds[r[0]] != "" else (r[1],)
"""

_NOTING = """
def parse(tokens, budget):
    kinds, texts, starts, ends = tokens.kinds, tokens.texts, tokens.starts, tokens.ends
    far, expected, open_words = 0, set(), []
    def step():
        nonlocal budget
        budget -= 1
        if budget < 0: raise OutOfSteps
    def enter(p, words): open_words.append((p, words))
    def leave(): open_words.pop()
    def note(p, what):
        nonlocal far
        if p < far: return
        if p > far:
            far = p
            expected.clear()
        for place, words in open_words:
            if place == p:
                what = words
                break
        expected.add(what)
{memos}
{functions}
    r = r_{start}(0)
    if r is not None: note(r[0], "the end of the query")
    return far, tuple(sorted(expected))
"""


class _OutOfStepsError(Exception):
    pass


class Parser:
    """A grammar, compiled.

    Parameters
    ----------
    grammar
        Text in the notation above.
    builders
        What makes a value of a rule or token, by its name.
    start
        The rule that a whole text follows.
    limits
        What a text may cost.

    Raises
    ------
    GrammarError
        If the grammar is wrong or does not fit the builders.
    """

    def __init__(
        self,
        grammar: str,
        builders: Mapping[str, Callable[..., Any]],
        start: str,
        limits: Limits | None = None,
    ) -> None:
        self.limits = limits or Limits()
        self._grammar = _read(grammar)
        self._builders = builders
        self._start = start
        texts = set().union(*(_texts(rule.body) for rule in self._grammar.rules.values()))
        words = {text for text in texts if text[0].isalpha()}
        if unreserved := words - self._grammar.reserved:
            raise GrammarError(f"keywords that are not reserved: {', '.join(sorted(unreserved))}")
        self._tokens = _tokenizer(self._grammar, texts - words)
        self._plain = self._compile(noting=False)
        self._noting: Callable[[Tokens, int], Any] | None = None

    @property
    def reserved(self) -> frozenset[str]:
        """The reserved words, in upper case."""
        return frozenset(self._grammar.reserved)

    def tokens(self, text: str) -> Tokens:
        """Cut a text into tokens."""
        return self._tokens(text, self.limits)

    def parse(self, text: str) -> Any:
        """Parse a whole text.

        Raises
        ------
        SyntaxFailureError
            If it does not follow the grammar or passes a limit.
        """
        if len(text) > self.limits.length:
            nothing = Tokens([END], [""], [self.limits.length], [self.limits.length])
            raise SyntaxFailureError("too-long", 0, (), nothing)
        tokens = self._tokens(text, self.limits)
        if tokens.too_deep >= 0:
            raise SyntaxFailureError("too-deep", tokens.too_deep, (), tokens)
        budget = self.limits.steps_per_token * len(tokens.kinds)
        try:
            found = self._plain(tokens, budget)
            if found is None:
                self._explain(tokens, budget)
        except _OutOfStepsError:
            raise SyntaxFailureError("too-many-steps", 0, (), tokens) from None
        except RecursionError:
            raise SyntaxFailureError("too-deep", 0, (), tokens) from None
        return found[0]

    def _explain(self, tokens: Tokens, budget: int) -> NoReturn:
        if self._noting is None:
            self._noting = self._compile(noting=True)
        at, expected = self._noting(tokens, budget)
        raise SyntaxFailureError("syntax", at, expected, tokens)

    def _compile(self, *, noting: bool) -> Callable[[Tokens, int], Any]:
        compiler = _Compiler(self._grammar, self._builders, noting=noting)
        functions = "\n".join(_indent(compiler.source().splitlines()))
        memos = "\n".join(f"    m_{name} = {{}}" for name, rule in compiler.rules.items() if rule.memo)
        template = _NOTING if noting else _PLAIN
        source = template.format(memos=memos, functions=functions, start=self._start)
        names: dict[str, Any] = {f"B_{name}": builder for name, builder in self._builders.items()}
        names |= compiler.constants
        names["OutOfSteps"] = _OutOfStepsError
        exec(compile(source, f"<{self._start} grammar>", "exec"), names)  # noqa: S102  our own grammar, no user text
        parse: Callable[[Tokens, int], Any] = names["parse"]
        return parse
