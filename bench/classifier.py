"""What a model costs: a visit of real-size packets through the river, without one and with one."""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from bench import report
from bench.filters import WARM, visit
from vobroker.alerts.batch import AlertBatch
from vobroker.alerts.packets import RawBatch
from vobroker.alerts.schemas import default_schemas
from vobroker.archive import open_archive
from vobroker.enrich import Classifier, Enrichment, Found
from vobroker.enrich.classifiers import classifier
from vobroker.pipeline import river

PAGE = Path(__file__).resolve().parents[1] / "docs" / "classifiers.md"
HEADER = ("a visit", "seconds", "to the river without a model")
COLUMNS = ("age", "amplitude", "rate_10d", "g_r", "r_i", "flux_mean", "flux_chi2")
MODELS = {
    "a logistic regression": LogisticRegression(),
    "a forest of 100 trees": RandomForestClassifier(100, max_depth=12, random_state=1),
}


class Timed(Classifier):
    """A model, with the seconds that its batches took."""

    seconds = 0.0

    def of(self, batch: AlertBatch, found: Mapping[str, Found]) -> Found:
        """Judge alerts."""
        start = time.perf_counter()
        told = super().of(batch, found)
        self.seconds += time.perf_counter() - start
        return told


def added(store: Path, name: str) -> Path:
    """Train a model on noise, and add it."""
    random = np.random.default_rng(1)
    sample = random.normal(size=(5_000, 1 + len(COLUMNS))).astype(np.float32)
    model = MODELS[name].fit(sample, sample.sum(axis=1) + random.normal(size=5_000) > 0)
    given = store.parent / "given"
    given.mkdir(exist_ok=True)
    made = to_onnx(model, sample[:1], options={"zipmap": False})
    (given / "model.onnx").write_bytes(made.SerializeToString())
    told = ", ".join(f'{{ column = "history.{column}", null = 0 }}' for column in COLUMNS)
    (given / "classifier.toml").write_text(f"""
        name = "m{len(list(store.glob("*")))}"
        description = "{name}"
        version = "1"
        inputs = [{{ columns = [{{ column = "alert.mag", null = 20 }}, {told}] }}]
        outputs = [{{ column = "p", output = "probabilities", place = 1 }}]
    """)
    return store / classifier.add(store, given, Enrichment.open(store).tables).name


def whole(enrichment: Enrichment, warm: RawBatch, packets: RawBatch) -> float:
    """Seconds for a visit through the river, into an archive of its own."""
    with tempfile.TemporaryDirectory() as folder, open_archive(Path(folder, "archive")) as archive:
        river.run([warm], archive, schemas=default_schemas(), enrichment=enrichment)
        for layer in enrichment.layers:
            if isinstance(layer, Timed):
                layer.seconds = 0.0
        start = time.perf_counter()
        counts = river.run([packets], archive, schemas=default_schemas(), enrichment=enrichment)
        seconds = time.perf_counter() - start
    assert counts.balanced
    assert not counts.failed, counts.failed
    return seconds


def main(arguments: list[str] | None = None) -> None:
    """Measure and show the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--alerts", type=int, default=10_000, help="alerts of the visit")
    options.add_argument("--runs", type=int, default=3, help="of which the fastest counts")
    options.add_argument("--write", action="store_true", help="write the table into the docs")
    chosen = options.parse_args(arguments)
    warm, packets = visit(WARM, 1), visit(chosen.alerts, 2)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder, "store")
        models = {name: Timed(added(store, name)) for name in MODELS}
        usual = Enrichment.open(Path(folder, "none")).layers
        whole(Enrichment([*usual, *models.values()]), warm, packets)  # what the process needs once
        without: list[float] = []
        with_: dict[str, list[float]] = {name: [] for name in models}
        alone: dict[str, list[float]] = {name: [] for name in models}
        for _ in range(chosen.runs):
            without.append(whole(Enrichment(usual), warm, packets))
            for name, model in models.items():
                with_[name].append(whole(Enrichment([*usual, model]), warm, packets))
                alone[name].append(model.seconds)
        for model in models.values():
            model.close()
    figures = {"the river with context and history": min(without)}
    for name in models:
        figures |= {f"and {name}": min(with_[name]), f"{name} alone": min(alone[name])}
    rows = [[name, f"{seconds:.3f}", f"{seconds / min(without):.4f}"] for name, seconds in figures.items()]
    report.show(f"{chosen.alerts:,} alerts", HEADER, rows)
    if chosen.write:
        what = f"{chosen.alerts:,} alerts, on {report.machine()}."
        report.between(PAGE, "classifier", "\n".join([what, "", *report.markdown(HEADER, rows)]))


if __name__ == "__main__":
    main()
