"""The report as Markdown: what was run on what, every point, DMTN-028 beside it, and the model's answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench import report
from bench.streaming import plots, published
from bench.streaming.design import LSST_ALERTS, LSST_SECONDS, from_dict

QUIET = 0.10
"""Share of the machine that others may use before a point is called disturbed."""

TIMES = ("point", "alerts/s", "MB/s in", "MB/s out", "produce", "to last", "total")
COSTS = (
    "point",
    "p50",
    "p98",
    "p99",
    "lag",
    "CPU brokers",
    "producers",
    "consumers",
    "GB brokers",
    "clients",
)


def write(page: Path, run: dict[str, Any]) -> None:
    """Write the measured parts of the page, and its plots into ``images`` beside it."""
    points = run["points"]
    images = page.parent / "images"
    plots.throughput(points, images / "stream-throughput.png")
    plots.latency(points, images / "stream-latency.png")
    plots.lag(points, images / "stream-lag.png")
    report.between(page, "ran", ran(run))
    report.between(page, "times", "\n".join(report.markdown(TIMES, times(points))))
    report.between(page, "costs", "\n".join([*report.markdown(COSTS, costs(points)), "", late(points)]))
    report.between(page, "ratios", ratios(points))
    report.between(page, "published", beside(points))
    if run["model"] is not None:
        plots.model(run["model"], images / "stream-model.png", run["machine"]["cores"])
        report.between(page, "model", prediction(run))


def name(point: dict[str, Any], centre: dict[str, Any]) -> str:
    """Name a point by what sets it apart from the centre."""
    series, groups = point["series"], point["groups"]
    words = {
        "centre": "centre",
        "producers": f"producers: {point['producers']}",
        "partitions": f"partitions: {point['partitions']}",
        "groups": f"groups: {len(groups)}",
        "kinds": f"groups: {' + '.join(groups)}",
        "members": f"members of a group: {point['members']}",
        "replication": f"3 brokers, copies: {point['replication']}",
        "as in DMTN-028": f"as in DMTN-028, {point['alerts']:,} alerts",
        "whole visit": f"whole visit of {point['alerts']:,}, groups: {len(groups)}"
        + (f", {point['producers']} producer" if point["producers"] == 1 else ""),
    }.get(
        series,
        f"{point['producers']} × {point['partitions']}, {'+'.join(groups)}, copies {point['replication']}",
    )
    return words + ("" if point["stamps"] or point["stamps"] == centre["stamps"] else ", no stamps")


def _named(each: dict[str, Any], points: Sequence[dict[str, Any]]) -> str:
    return name(each["point"], points[0]["point"]) + (" (disturbed)" if each["others"] > QUIET else "")


def times(points: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Give the rows of throughput and times, medians of visits; ``to last`` is after the last delivery."""
    return [
        [
            _named(each, points),
            *(f"{each['median'][key]:,.0f}" for key in ("rate", "megabytes_in", "megabytes_out")),
            *(f"{each['median'][key]:.2f}" for key in ("produce", "transit", "total")),
        ]
        for each in points
    ]


def costs(points: Sequence[dict[str, Any]]) -> list[list[str]]:
    """Give the rows of latency, most lag of any group, core-seconds of a visit, and most resident memory."""

    def brokers(each: dict[str, Any], value: float) -> str:
        return f"{value:.2f}" if each["brokers_seen"] else "not seen"

    return [
        [
            _named(each, points),
            *(f"{each['median'][key]:.2f}" for key in ("p50", "p98", "p99")),
            f"{max(max(lag) for lag in each['lag']['alerts']):,}",
            brokers(each, each["median"]["cpu"]["brokers"]),
            *(f"{each['median']['cpu'][role]:.2f}" for role in ("producers", "consumers")),
            brokers(each, each["memory"]["brokers"] / 1e3),
            f"{(each['memory']['producers'] + each['memory']['consumers']) / 1e3:.2f}",
        ]
        for each in points
    ]


def late(points: Sequence[dict[str, Any]]) -> str:
    """Say where bursts began late."""
    found = sum(each["median"]["late"] > 0.05 for each in points)
    if not found:
        return "No point was late with its bursts."
    return (
        f"{found} of {len(points)} points were more than 0.05 s late with a burst: the last was not out yet."
    )


def ran(run: dict[str, Any]) -> str:
    """Say what was run, on what, and how far the load was scaled down."""
    points, machine, scale = run["points"], run["machine"], run["scale"]
    centre = points[0]["point"]
    sizes = {each["point"]["stamps"]: each["bytes"] / each["point"]["alerts"] / 1e3 for each in points[::-1]}
    packets = " and ".join(
        f"{size:.0f} kB {'with' if stamps else 'without'} stamps"
        for stamps, size in sorted(sizes.items())[::-1]
    )
    worst = max(each["others"] for each in points)
    loads = [load for each in points for load in each["load"]]
    given = sum(each["point"]["alerts"] * (each["point"]["visits"] + 1) for each in points)
    share = centre["alerts"] / LSST_ALERTS
    pace = centre["alerts"] / centre["every"] / (LSST_ALERTS / LSST_SECONDS)
    again = sum(each.get("tries", 1) > 1 for each in points)
    lines = [
        f"Run of {run['when'][:16].replace('T', ' ')} UTC on {machine['cores']} cores "
        f"({machine['processor']}), {machine['memory'] / 1e9:.0f} GB of memory, {machine['system']}; "
        f"Python {machine['python']}, confluent-kafka {machine['confluent_kafka']}, librdkafka "
        f"{machine['librdkafka']}. Brokers, producers and consumers share these cores and talk over "
        "loopback; no network is in the figures.",
        "",
        f"- **Scale:** {centre['alerts']:,} alerts a visit every {centre['every']:g} s: {share:.1%} of "
        f"LSST's visit of {LSST_ALERTS:,} in {LSST_SECONDS:g} s, at {pace:.0%} of its mean rate. "
        f"{scale['why']}",
        f"- **Packets:** simulated Rubin alerts with history, {packets} on average; {run['pool']} distinct "
        "ones, repeated in turn.",
        f"- **Centre:** {centre['producers']} producers, {centre['partitions']} partitions, "
        f"{len(centre['groups'])} reading groups of {centre['members']}, {centre['replication']} copy, "
        f"{centre['visits']} visits after one that does not count. All other points differ from it as named.",
        f"- **Conservation:** {given:,} alerts were produced, and every group had each of its stream exactly "
        "once.",
        f"- **Quiet:** others used at most {worst:.0%} of the machine's CPU during a point; load average "
        f"{min(loads):.1f} to {max(loads):.1f}, our own processes included. {again} points were measured "
        "again because of others, and the quietest try is shown.",
    ]
    return "\n".join(lines)


def ratios(points: Sequence[dict[str, Any]]) -> str:
    """Say what each parameter does, as ratios of throughput and CPU to the point it varies."""
    centre = points[0]["point"]

    def base(point: dict[str, Any]) -> dict[str, Any] | None:
        wanted = {**centre, "stamps": point["stamps"]}
        if point["series"] == "replication":
            wanted |= {"brokers": 3, "replication": 1}
        key = from_dict(wanted).key
        return next((each for each in points if from_dict(each["point"]).key == key), None)

    table = []
    for each in points:
        point = each["point"]
        against = base(point)
        if point["series"] in ("as in DMTN-028", "whole visit", "crossed") or against is None:
            continue
        if against is each:
            continue
        ours, theirs = each["median"], against["median"]
        cpu = [sum(m["cpu"][role] for role in ("brokers", "producers", "consumers")) for m in (ours, theirs)]
        table.append(
            [
                name(point, centre) + (" (again)" if point["series"] == "centre" else ""),
                f"{ours['rate'] / theirs['rate']:.2f}",
                f"{ours['p50'] / theirs['p50']:.2f}",
                f"{ours['p99'] / theirs['p99']:.2f}",
                f"{cpu[0] / cpu[1]:.2f}",
            ]
        )
    return "\n".join(
        report.markdown(("against the centre", "alerts/s", "p50", "p99", "CPU of a visit"), table)
    )


def beside(points: Sequence[dict[str, Any]]) -> str:
    """Put DMTN-028's figures beside ours."""
    letters = {each: "ABC"[n] for n, each in enumerate(dict.fromkeys(f.hardware for f in published.FIGURES))}
    table = []
    for figure in published.FIGURES:
        found = None
        if figure.design is not None:
            alerts, producers, readers, stamps = figure.design
            found = next(
                (
                    each
                    for each in points
                    if each["point"]["alerts"] == alerts
                    and each["point"]["producers"] == producers
                    and each["point"]["partitions"] == 1
                    and each["point"]["groups"] == ["read"] * readers
                    and each["point"]["stamps"] == stamps
                    and each["point"]["series"] in ("as in DMTN-028", "whole visit")
                ),
                None,
            )
        ours = "not run" if found is None else _ours(figure.ours, found)
        table.append([figure.what, figure.value, ours, letters[figure.hardware]])
    legend = [f"{letter}: {hardware}" for hardware, letter in letters.items()]
    header = ("", "DMTN-028", "ours", "its hardware")
    return "\n".join([*report.markdown(header, table), "", "Its hardware. " + ". ".join(legend) + "."])


def _ours(what: str, each: dict[str, Any]) -> str:
    if what == "lost":
        alerts = each["point"]["alerts"] * (each["point"]["visits"] + 1)
        return f"none of {alerts:,}"
    if what == "memory":
        return (
            f"{each['memory']['brokers'] * 1e6 / 2**30:.2f} GiB resident"
            if each["brokers_seen"]
            else "not seen"
        )
    values = [visit["produce" if what == "sent" else what] for visit in each["visits"]]
    if what == "sent":
        return f"{each['point']['alerts'] / each['median']['produce']:,.0f}"
    if what == "megabytes_out":
        out, into = (each["median"][key] * 1e6 / 2**20 for key in ("megabytes_out", "megabytes_in"))
        return f"{out:,.0f} MiB/s (in: {into:,.0f})"
    spread = f" ({min(values):.2f}–{max(values):.2f})" if len(values) > 1 else ""
    return f"{each['median'][what]:.2f} s{spread}"


def prediction(run: dict[str, Any]) -> str:
    """Say what the model found, how wrong it is, and what LSST would need by it."""
    model = run["model"]
    lines: list[str] = []
    fits = model["fits"]
    header = ("core-seconds for each", "all processes", "brokers only")
    table = [
        [
            term,
            *(
                f"{fits[each]['coefficients'][n]:.2f}" if each in fits else "not seen"
                for each in ("all", "brokers")
            ),
        ]
        for n, term in enumerate(model["terms"])
    ]
    table.append(
        [
            "error of a point left out (root mean square)",
            *(f"{fits[each]['error']:.0%}" if each in fits else "not seen" for each in ("all", "brokers")),
        ]
    )
    lines += report.markdown(header, table)
    most = max(abs(each) for each in fits["all"]["left_out"])
    lines += ["", f"The worst point left out was {most:.0%} off.", ""]
    whole = fits["all"]["whole"]
    if whole:
        lines += [
            "Whole visits of 10,000 alerts every 37 s were run as well; the fit does not know them:",
            "",
            *report.markdown(
                ("reading groups", "measured, core-seconds", "model", "model / measured"),
                [
                    [
                        str(each["groups"]),
                        f"{each['measured']:.1f}",
                        f"{each['predicted']:.1f}",
                        f"{each['predicted'] / each['measured']:.2f}",
                    ]
                    for each in whole
                ],
            ),
            "",
        ]
    packet = model["packet"]
    rate = LSST_ALERTS * packet / LSST_SECONDS / 1e6
    largest = max((len(e["point"]["groups"]) for e in run["points"]), default=0)
    ran_whole = max((each["groups"] for each in whole), default=0)
    lines += [
        f"**Extrapolation**, not measurement: 10,000 alerts of {packet / 1e3:.0f} kB in 37 s, with N groups "
        f"that read the full stream (measured: up to {largest} groups of scaled visits"
        + (f", up to {ran_whole} of whole ones" if ran_whole else "")
        + "). Intervals are 95 %: the points are drawn anew, and what a fit predicts is spread by the errors "
        "of points left out and, as often, of whole visits. Bandwidth is arithmetic. Cores are of this "
        "machine's kind and cover brokers, producers and consumers; they are a mean over 37 s, so that a "
        "burst that is to be out sooner needs more at once.",
        "",
    ]
    by = {(each["groups"], each["replication"]): each for each in fits["all"]["lsst"]}
    only = {(each["groups"], each["replication"]): each for each in fits.get("brokers", {}).get("lsst", [])}

    def cores(each: dict[str, Any] | None) -> str:
        return f"{each['cores']:.2f} ({each['low']:.2f}–{each['high']:.2f})" if each else "not seen"

    lines += report.markdown(
        (
            "N",
            "MB/s out",
            "MB/s in",
            "cores, one copy",
            "of these brokers",
            "cores, 3 copies",
            "of these brokers",
        ),
        [
            [
                str(n),
                f"{rate * n:,.0f}",
                f"{rate:,.0f}",
                cores(by[n, 1]),
                cores(only.get((n, 1))),
                cores(by[n, 3]),
                cores(only.get((n, 3))),
            ]
            for n in sorted({n for n, _ in by})
        ],
    )
    return "\n".join(lines)
