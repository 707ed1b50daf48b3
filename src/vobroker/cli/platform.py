"""``vobroker platform``: what science platforms give, where a job should run, what services really do."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vobroker.cli.common import fail, out, progress

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vobroker.platforms.descriptor import Platform
    from vobroker.platforms.jobs import Job
    from vobroker.platforms.plan import Choice
    from vobroker.platforms.probe import Report
    from vobroker.platforms.write import Line

COLOURS = {"ok": "green", "unknown": "yellow", "no": "red"}

WithOption = Annotated[
    list[Path] | None,
    typer.Option("--with", help="Descriptor of one more place, YAML or JSON; may be given again."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
YamlOption = Annotated[bool, typer.Option("--yaml", help="Print YAML.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(help="Compare science platforms, and find one for a job.", no_args_is_help=True)
    group.command("list", help="List the platforms that are described.")(list_)
    group.command(help="Show all that is known of a platform, and what is not.")(show)
    group.command(help="Put platforms side by side.")(compare)
    group.command(help="Rank the platforms for a job, with every term that was used.")(plan)
    group.command(help="Measure what TAP services really do, with a few bounded requests.")(probe)
    group.command(help="Check descriptors and jobs: form, units, sources, contradictions.")(check)
    app.add_typer(group, name="platform")


def list_(with_: WithOption = None, as_json: JsonOption = False, as_yaml: YamlOption = False) -> None:
    """Print a line for each."""
    from rich.table import Table

    found = _platforms(with_)
    told = [
        {
            "id": one.id,
            "title": one.title,
            "provider": one.provider,
            "guest": _session(one, "guest"),
            "user": _session(one, "user"),
            "datasets": [dataset.id for dataset in one.datasets],
        }
        for one in found.values()
    ]
    if _printed(told, as_json, as_yaml):
        return
    grid = Table("platform", "name", "a guest gets", "a user gets", "datasets")
    for line in told:
        cells = [str(line[name]) for name in ("id", "title", "guest", "user")]
        grid.add_row(*map(_plain, (*cells, ", ".join(line["datasets"]))))
    out.print(grid)


def show(
    which: Annotated[str, typer.Argument(help="Short name of a platform, or a file.")],
    with_: WithOption = None,
    all_: Annotated[bool, typer.Option("--all", help="What is not documented too.")] = False,
    as_json: JsonOption = False,
    as_yaml: YamlOption = False,
) -> None:
    """Print the facts with their sources."""
    from rich.table import Table

    from vobroker.platforms import write

    (found,) = _chosen([which], with_)
    today = datetime.now(UTC).date()
    if as_yaml:
        print(write.to_yaml(dict(found.document)), end="")
        return
    if _printed(write.described(found, today), as_json, False):
        return
    out.print(
        f"[bold]{_plain(found.title)}[/]  {_plain(found.provider)}, {_plain(found.site)}", highlight=False
    )
    out.print(f"{_plain(found.summary)}\n{found.web}\n", highlight=False)
    grid = Table("", "what", "value", "source")
    lines = list(write.lines(found, today))
    before = None
    for line in lines:
        if line.fact or all_:
            grid.add_row(
                _plain(line.place) if line.place != before else "",
                line.field.text,
                _value(line),
                _source(line),
            )
            before = line.place
    out.print(grid)
    unknown = sum(line.fact is None for line in lines)
    out.print(
        f"{len(lines) - unknown} facts; {unknown} not documented{'' if all_ else ' (--all shows them)'}",
        highlight=False,
    )


def compare(
    which: Annotated[
        list[str] | None, typer.Argument(help="Short names or files; all when not given.")
    ] = None,
    with_: WithOption = None,
    all_: Annotated[bool, typer.Option("--all", help="What none of them documents too.")] = False,
    as_json: JsonOption = False,
    as_yaml: YamlOption = False,
) -> None:
    """Print a column for each."""
    from rich.table import Table

    from vobroker.platforms.compare import compare as side_by_side

    chosen = _chosen(which, with_)
    rows = side_by_side(chosen, datetime.now(UTC).date(), unknown=all_)
    told = [
        {
            "section": row.section,
            "what": row.text,
            **{
                one.id: None
                if cell is None
                else {"text": cell.text, "source": cell.source, "stale": cell.stale}
                for one, cell in zip(chosen, row.cells, strict=True)
            },
        }
        for row in rows
    ]
    if _printed(told, as_json, as_yaml):
        return
    grid = Table("", *(one.id for one in chosen))
    section = ""
    for row in rows:
        if row.section != section:
            section = row.section
            grid.add_section()
            grid.add_row(f"[bold]{_plain(section)}[/]")
        grid.add_row(row.text, *("–" if cell is None else _value(cell) for cell in row.cells))
    out.print(grid)


def plan(
    job: Annotated[
        str, typer.Argument(help="File of a job, or the name of an example: see --examples.")
    ] = "",
    which: Annotated[
        list[str] | None, typer.Option("--platform", "-p", help="Only these; may be given again.")
    ] = None,
    with_: WithOption = None,
    plot: Annotated[Path | None, typer.Option(help="File for a plot, .svg or .png.")] = None,
    examples: Annotated[
        bool, typer.Option("--examples", help="List the jobs that come with vobroker.")
    ] = False,
    as_json: JsonOption = False,
    as_yaml: YamlOption = False,
) -> None:
    """Print the ranking, and the reasons and the arithmetic below."""
    from vobroker.platforms.jobs import shipped_jobs
    from vobroker.platforms.plan import plan as rank

    if examples or not job:
        for name, known in shipped_jobs().items():
            out.print(f"[bold]{name}[/]  {_plain(known.title)}", highlight=False)
        return
    wanted = _job(job)
    choices = rank(wanted, {one.id: one for one in _chosen(which, with_)})
    if plot is not None:
        _draw(choices, wanted, plot)
    if _printed([choice.as_dict() for choice in choices], as_json, as_yaml):
        return
    _print_plan(wanted, choices)


def probe(
    urls: Annotated[list[str], typer.Argument(help="Addresses of TAP services.", metavar="URL...")],
    folder: Annotated[
        Path | None,
        typer.Option(
            envvar="VOBROKER_PROBES", help="Where results are kept over time; your data folder if not given."
        ),
    ] = None,
    history: Annotated[
        bool, typer.Option("--history", help="Ask nothing; show what was found before.")
    ] = False,
    seconds: Annotated[float, typer.Option(help="Time of one request.", min=0.1, max=120)] = 20.0,
    pause: Annotated[float, typer.Option(help="Seconds between requests.", min=0, max=60)] = 0.5,
    times: Annotated[int, typer.Option(help="Requests for the latency.", min=1, max=20)] = 5,
    rows: Annotated[int, typer.Option(help="Rows of the query.", min=10, max=10_000)] = 2_000,
    as_json: JsonOption = False,
    as_yaml: YamlOption = False,
) -> None:
    """Print what each does now and did before; exit with status 1 when one does not answer."""
    from vobroker.platforms import history as kept
    from vobroker.platforms.errors import PlatformError
    from vobroker.platforms.probe import Bounds
    from vobroker.platforms.probe import probe as measure

    place = folder or kept.default_folder()
    bounds = Bounds(seconds=seconds, pause=pause, times=times, rows=rows)
    found: dict[str, list[Report]] = {}
    try:
        with progress() as bar:
            task = bar.add_task("asking", total=len(urls), note="")
            for url in urls:
                bar.update(task, note=url[:60])
                if not history:
                    kept.keep(place, measure(url, bounds))
                found[url] = kept.history(place, url)
                bar.advance(task)
    except PlatformError as error:
        fail(str(error), 2)
    if not _printed(
        {url: [one.as_dict() for one in reports] for url, reports in found.items()}, as_json, as_yaml
    ):
        for url, reports in found.items():
            _print_probe(url, reports)
    if not history and any(not reports or reports[-1].available is None for reports in found.values()):
        raise typer.Exit(1)


def check(
    files: Annotated[
        list[Path], typer.Argument(help="Descriptors or jobs, YAML or JSON.", metavar="FILE...")
    ],
) -> None:
    """Say of each file whether it is good, and what is wrong in which line."""
    from vobroker.platforms.documents import parse
    from vobroker.platforms.errors import PlatformError
    from vobroker.platforms.jobs import job_of
    from vobroker.platforms.read import content, from_document

    wrong = 0
    for file in files:
        try:
            document = parse(content(file), str(file))
            is_job = (
                isinstance(document.value, dict)
                and "format" not in document.value
                and "identity" in document.value
            )
            what = (
                f"a job, {job_of(document).title}"
                if is_job
                else f"a platform, {from_document(document).title}"
            )
        except PlatformError as error:
            wrong += 1
            for line in str(error).splitlines():
                out.print(f"[red]wrong[/] {_plain(line)}", highlight=False, soft_wrap=True)
        else:
            out.print(f"[green]good[/]  {_plain(str(file))}: {_plain(what)}", highlight=False, soft_wrap=True)
    if wrong:
        raise typer.Exit(1)


# -- what is read --------------------------------------------------------------------------------------


def _platforms(more: Sequence[Path] | None) -> dict[str, Platform]:
    from vobroker.platforms.errors import PlatformError
    from vobroker.platforms.read import read, shipped, together

    try:
        return together([*shipped().values(), *(read(file) for file in more or ())])
    except PlatformError as error:
        fail(str(error), 2)


def _chosen(names: Sequence[str] | None, more: Sequence[Path] | None) -> list[Platform]:
    """Give platforms by their short names or files; all where none is named."""
    names = names or []
    files = [Path(name) for name in names if Path(name).suffix in (".yaml", ".yml", ".json")]
    known = _platforms([*(more or ()), *files])
    if not names:
        return list(known.values())
    # Files that are named come last of all that are known, in their order.
    last = dict(zip(map(str, files), list(known.values())[len(known) - len(files) :], strict=True))
    found = []
    for name in names:
        one = last.get(name) or known.get(name)
        if one is None:
            fail(f"there is no platform '{name}'; there are: {', '.join(known)}", 2)
        found.append(one)
    return found


def _job(name: str) -> Job:
    from vobroker.platforms.errors import PlatformError
    from vobroker.platforms.jobs import read_job, shipped_jobs

    try:
        examples = shipped_jobs()
        if name in examples:
            return examples[name]
        if not Path(name).exists():
            fail(f"there is no file {name}, nor such an example; there are: {', '.join(examples)}", 2)
        return read_job(Path(name))
    except PlatformError as error:
        fail(str(error), 2)


# -- what is printed -----------------------------------------------------------------------------------


def _printed(told: Any, as_json: bool, as_yaml: bool) -> bool:
    """Print for programs, if that is asked for."""
    if as_json:
        print(json.dumps(told, indent=2, ensure_ascii=False))
    elif as_yaml:
        from vobroker.platforms.write import to_yaml

        print(to_yaml(json.loads(json.dumps(told))), end="")
    return as_json or as_yaml


def _print_plan(job: Job, choices: Sequence[Choice]) -> None:
    from rich.table import Table

    from vobroker.platforms.units import duration, size

    out.print(f"[bold]{_plain(job.title)}[/]\n", highlight=False)
    grid = Table("", "platform", "as", "", "data", "moved", "time")
    for number, one in enumerate(choices, 1):
        possible = one.state != "no"
        cells = (
            one.rung,
            size(one.moved) if one.moved else "0",
            f"{'' if one.exact else '~'}{duration(one.seconds)}",
        )
        colour = f"[{COLOURS[one.state]}]{one.state}[/]"
        grid.add_row(str(number), one.platform.id, one.role, colour, *(cells if possible else ("–",) * 3))
    out.print(grid)
    for number, one in enumerate(choices, 1):
        out.print(f"\n[bold]{number}. {_plain(one.platform.title)}[/]\n{_plain(one.words)}", highlight=False)
        if one.state == "no":
            continue
        for term in one.terms:
            out.print(f"  [{COLOURS[term.state]}]{term.state:>8}[/]  {_plain(term.text)}", highlight=False)
        for step in one.steps:
            out.print(f"      time  {_plain(step.name)}: {_plain(step.arithmetic)}", highlight=False)
        for move in one.moves:
            way = (
                f"from {move.source} to {move.target}"
                if move.source != move.target
                else f"within {move.source}"
            )
            out.print(f"      copy  {size(move.bytes)} of {move.dataset} {way}", highlight=False)
        if one.missing:
            out.print(
                f"   missing  {_plain(', '.join(one.missing))}: not documented to be installed",
                highlight=False,
            )


def _print_probe(url: str, reports: Sequence[Report]) -> None:
    from rich.table import Table

    from vobroker.platforms.answers import LIMITS
    from vobroker.platforms.units import size

    if not reports:
        out.print(f"[bold]{_plain(url)}[/] was never asked", highlight=False)
        return
    last = reports[-1]
    state = {True: "[green]available[/]", False: "[red]not available[/]", None: "[red]does not say[/]"}[
        last.available
    ]
    out.print(f"[bold]{_plain(url)}[/] {state} {_plain(last.note)}", highlight=False, soft_wrap=True)
    grid = Table("when", "p50", "p95", "rows", "rows/s", "bytes/s", "problems")
    for one in reports[-20:]:
        times = [f"{value * 1000:.0f} ms" if value is not None else "–" for value in (one.p50, one.p95)]
        rates = [
            "–" if one.rows is None else f"{one.rows:,}",
            "–" if one.rows_per_second is None else f"{one.rows_per_second:,.0f}",
            "–" if one.bytes_per_second is None else f"{size(one.bytes_per_second)}/s",
        ]
        grid.add_row(one.time.replace("T", " ").rstrip("Z"), *times, *rates, str(len(one.problems) or "–"))
    out.print(grid)
    limits = Table("limit", "announced or met")
    for name, value in last.announced.items():
        unit = LIMITS.get(name.partition(".")[0], "") if " in " not in name else ""
        limits.add_row(_plain(name), f"{value:,} {unit}{'s' * (unit == 'row')}".rstrip())
    for name, met in last.met.items():
        limits.add_row(_plain(name), _plain(met))
    limits.add_row("identity asked", _plain(", ".join(last.identity) or "not told"))
    out.print(limits)
    for problem in last.problems:
        out.print(f"[yellow]problem:[/] {_plain(problem)}", highlight=False, soft_wrap=True)
    out.print(f"{last.requests} requests, {size(last.received)} taken", highlight=False)


def _draw(choices: Sequence[Choice], job: Job, file: Path) -> None:
    from vobroker.platforms.plot import described, draw
    from vobroker.timeseries.plot import picture

    if file.suffix not in (".svg", ".png"):
        fail(f"a plot is written as .svg or .png, not as '{file.suffix}'", 2)
    content = picture(draw(choices), "svg" if file.suffix == ".svg" else "png", job.title, described(choices))
    try:
        file.write_bytes(content)
    except OSError as error:
        fail(f"cannot write {file}: {error.strerror}", 2)


def _session(platform: Platform, role: str) -> str:
    """Say in a few words what a role gets to compute with."""
    facts = platform.roles.get(role)
    if facts is None:
        return "no such role is described"
    if (sessions := facts["sessions"]) is not None and not sessions.value:
        return "no notebook"
    known = [facts[name] for name in ("cores", "memory")]
    texts = [f"{fact.text}{' cores' * (fact.field.name == 'cores')}" for fact in known if fact]
    return ", ".join(texts) or "not documented"


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _value(line: Line) -> str:
    text = _plain(line.text)
    if line.fact is None:
        return f"[dim]{text}[/]"
    return f"{text} [yellow]stale[/]" if line.stale else text


def _source(line: Line) -> str:
    return f"[yellow]{line.source}[/]" if line.stale else line.source
