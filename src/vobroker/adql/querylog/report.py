"""What was mined, as tables, as a page, and as candidates for the corpus."""

from __future__ import annotations

import base64
import io
from collections import Counter
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from vobroker.adql.querylog.clusters import Mined

if TYPE_CHECKING:
    import pyarrow as pa

SHOWN = 100
"""Most clusters on the page."""


def table(mined: Mined) -> pa.Table:
    """Give the clusters as a table, the largest first."""
    import pyarrow as pa

    rows = mined.clusters
    return pa.table(
        {
            "fingerprint": pa.array([c.skeleton.fingerprint for c in rows], pa.string()),
            "category": pa.array([c.skeleton.category for c in rows], pa.string()),
            "sentence": pa.array([c.skeleton.sentence for c in rows], pa.string()),
            "queries": pa.array([c.count for c in rows], pa.int64()),
            "features": pa.array([" ".join(sorted(c.skeleton.features)) for c in rows], pa.string()),
            "advice": pa.array(["; ".join(c.advice) for c in rows], pa.string()),
            "skeleton": pa.array([c.skeleton.text for c in rows], pa.string()),
        }
    )


def days(mined: Mined) -> pa.Table:
    """Give the counts of clusters by day; days with fewer queries than the threshold are left out."""
    import pyarrow as pa

    rows = [
        (day, cluster.skeleton.fingerprint, count)
        for cluster in mined.clusters
        for day, count in sorted(cluster.days.items())
        if day and count >= mined.threshold
    ]
    names = ("day", "fingerprint", "queries")
    return pa.table(
        {name: pa.array([row[i] for row in rows], (pa.string(), pa.string(), pa.int64())[i])
         for i, name in enumerate(names)}
    )  # fmt: skip


def summary(mined: Mined) -> dict[str, Any]:
    """Give everything that may leave, ready for JSON."""
    categories: Counter[str] = Counter()
    features: Counter[str] = Counter()
    for cluster in mined.clusters:
        categories[cluster.skeleton.category] += cluster.count
        for name in cluster.skeleton.features:
            features[name] += cluster.count
    return {
        "queries": mined.queries,
        "invalid": mined.invalid,
        "rare": mined.rare,
        "threshold": mined.threshold,
        "categories": dict(categories.most_common()),
        "features": dict(features.most_common()),
        "mistakes": [{"kind": m.kind, "fix": m.fix, "queries": m.count} for m in mined.mistakes],
        "clusters": table(mined).to_pylist(),
    }


def candidates(mined: Mined) -> list[dict[str, str]]:
    """Give one valid query for each skeleton, with neutral values, for the corpus."""
    found = []
    for cluster in mined.clusters:
        text = cluster.skeleton.text
        for holder, value in (("<number>", "2"), ("<string>", "'a'"), ("TOP <n>", "TOP 10"), ("<n>", "10")):
            text = text.replace(holder, value)
        found.append(
            {"id": cluster.skeleton.fingerprint, "text": text, "description": cluster.skeleton.sentence}
        )
    return found


def page(mined: Mined, title: str) -> str:
    """Write the report as one page that needs nothing else."""
    import jinja2

    source = files("vobroker.adql.querylog").joinpath("report.html").read_text(encoding="utf-8")
    template = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined).from_string(source)
    return template.render(
        title=title, mined=mined, shown=mined.clusters[:SHOWN], plots=_plots(mined), **summary(mined)
    )


def _plots(mined: Mined) -> list[tuple[str, str]]:
    """Draw categories, and the largest categories by day; title and picture as a data address."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    categories: Counter[str] = Counter()
    by_day: dict[str, Counter[str]] = {}
    for cluster in mined.clusters:
        categories[cluster.skeleton.category] += cluster.count
        for day, count in cluster.days.items():
            if day and count >= mined.threshold:
                by_day.setdefault(day, Counter())[cluster.skeleton.category] += count
    if not categories:
        return []
    look: Any = {"svg.hashsalt": "vobroker", "text.color": "#808890", "axes.labelcolor": "#808890"}
    look |= {"xtick.color": "#808890", "ytick.color": "#808890", "axes.edgecolor": "#808890"}
    drawn = []
    with mpl.rc_context(look):
        names, counts = zip(*reversed(categories.most_common()), strict=True)
        figure = Figure(figsize=(7, 0.6 + 0.32 * len(names)), layout="constrained")
        axes = figure.subplots()
        axes.barh(names, counts, color="#c98a2d")
        axes.set_xlabel("queries")
        drawn.append(("Queries by category", _picture(figure)))
        if len(by_day) > 1:
            figure = Figure(figsize=(7, 3), layout="constrained")
            axes = figure.subplots()
            ordered = sorted(by_day)
            largest = [name for name, _ in categories.most_common(6)]
            axes.stackplot(
                range(len(ordered)),
                [[by_day[day][name] for day in ordered] for name in largest],
                labels=largest,
            )
            step = max(1, len(ordered) // 6)
            axes.set_xticks(range(0, len(ordered), step), ordered[::step])
            axes.set_ylabel("queries a day")
            axes.legend(fontsize="small", framealpha=0, labelcolor="#808890")
            drawn.append(("Queries by day", _picture(figure)))
    return drawn


def _picture(figure: Any) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()
