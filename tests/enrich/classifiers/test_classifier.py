"""A model says of each alert what its formula says, and what it cannot say is null; it stops nothing."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression
from tests.enrich.classifiers.models import BRIGHT, SIGMOID, onnx_of, written

from vobroker.alerts.batch import AlertBatch
from vobroker.alerts.decode import decode
from vobroker.alerts.schemas import default_schemas
from vobroker.enrich import Classifier, EnrichError, Enrichment, Found
from vobroker.enrich.classifiers import child, classifier
from vobroker.sources import files
from vobroker.votypes.columns import Column, Table

DATA = Path(__file__).parents[2] / "data" / "alerts"
PACKETS = {"lsst": ("lsst-10.0-asteroid.avro", "lsst-10.0-synthetic.avro"), "ztf": ("ztf-3.3-three.avro",)}

Judge = Callable[..., dict[str, Found]]


@pytest.fixture(scope="module", params=list(PACKETS))
def batch(request: pytest.FixtureRequest) -> AlertBatch:
    """Real packets."""
    (raw,) = files.read([DATA / name for name in PACKETS[request.param]])
    return decode(raw, default_schemas()).batches[0]


@pytest.fixture
def judge(tmp_path: Path) -> Iterator[Judge]:
    """Add a model, and have it judge alerts as the river does."""
    opened: list[Enrichment] = []

    def judged(batch: AlertBatch, *given: bytes | str) -> dict[str, Found]:
        store = tmp_path / "store"
        classifier.add(store, written(tmp_path / "given", *given), Enrichment.open(store).tables)
        opened.append(Enrichment.open(store))
        return opened[-1].of(batch)

    yield judged
    for one in opened:
        for layer in one.layers:
            if isinstance(layer, Classifier):
                layer.close()


def test_a_trained_model_gives_its_own_probabilities(batch: AlertBatch, judge: Judge) -> None:
    random = np.random.default_rng(1)
    sample = random.normal([20, 5, 0.5, 0], [2, 3, 1, 1], (200, 4)).astype(np.float32)
    model = LogisticRegression().fit(sample, np.where(sample[:, 0] + sample[:, 2] > 20.5, "faint", "bright"))
    made = to_onnx(model, sample[:1], options={"zipmap": False}).SerializeToString()
    native = {"lsst": "lsst.snr", "ztf": "ztf.rb"}[batch.survey]
    found = judge(
        batch,
        made,
        f"""
        name = "faint"
        description = "Whether it is faint"
        version = "2026-11"
        [[inputs]]
        columns = [
            "alert.mag",
            {{ column = "history.n_r", null = 0 }},
            {{ column = "{native}", null = 0.5 }},
            {{ column = "alert.band", is = "r" }},
        ]
        [[outputs]]
        column = "label"
        output = "label"
        [[outputs]]
        column = "faint"
        output = "probabilities"
        place = 1
        ucd = "stat.probability"
        """,
    )["classifier_faint"]
    mag, band = batch.alert["mag"].to_pylist(), batch.alert["band"].to_pylist()
    n_r = Enrichment.open(Path("/nowhere")).of(batch)["history"].values["n_r"].to_pylist()
    told = batch.native([native.partition(".")[2]])[2].to_pylist()
    assert (found.error, found.warning, found.rows.tolist()) == (None, None, list(range(len(batch))))
    for n, row in enumerate(found.values.to_pylist()):
        x = [mag[n], n_r[n], 0.5 if told[n] is None else told[n], band[n] == "r"]
        (expected,) = model.predict_proba(np.array([x], np.float32))
        assert row["faint"] == pytest.approx(expected[1], abs=1e-5)
        assert row["label"] == ("faint" if expected[1] > 0.5 else "bright")
        assert (row["alert_id"], row["model_version"]) == (batch.alert["alert_id"][n].as_py(), "2026-11")
    assert found.table["faint"].ucd == "stat.probability"


MOST = "most = ReduceMax<keepdims=0>(X) number = Cast<to=7>(most)"
LATE = f"""g (float[N,1] X) => (float[N,1] P) {{
    {MOST} far = Mul(number, number) farther = Mul(far, far) more = Mul(farther, farther)
    on = Constant<value = bool {{1}}>()
    P = Loop (more, on, X) <body = b (int64 i, bool c, float[N,1] x) => (bool d, float[N,1] y)
        {{ d = Identity(c) y = Identity(x) }}>
}}"""
LARGE = f"""g (float[N,1] X) => (float[N,1] P) {{
    {MOST} axes = Constant<value = int64[1] {{0}}>() by = Constant<value = int64 {{100000000}}>()
    size = Mul(number, by) shape = Unsqueeze(size, axes) zeros = ConstantOfShape(shape)
    sum = ReduceSum<keepdims=0>(zeros) P = Add(X, sum)
}}"""
FEWER = f"""g (float[N,1] X) => (float[M,1] P) {{
    {MOST} zero = Constant<value = int64 {{0}}>() some = Greater(number, zero)
    P = If (some) <then_branch = t () => (float[M,1] one) {{ one = Constant<value = float[1,1] {{1}}>() }},
        else_branch = e () => (float[M,1] all) {{ all = Identity(X) }}>
}}"""
NO_NUMBER = "g (float[N,1] X) => (float[N,1] P) { minus = Neg(X) P = Sqrt(minus) }"
STRICT = BRIGHT + "limits = { seconds = 0.5, memory = 512 }"


@pytest.mark.parametrize(
    ("model", "why"),
    [
        (LATE, "it took longer than 0.5 s"),
        (LARGE, "it wants more memory than it may have"),
        (FEWER, r"it gives values of shape \(1, 1\) as P for \d alerts"),
        (NO_NUMBER, r"\d of \d values of p are no numbers"),
    ],
    ids=["late", "large", "fewer", "no number"],
)
def test_a_model_that_fails_makes_nulls_and_says_why(model: str, why: str, tmp_path: Path) -> None:
    (raw,) = files.read([DATA / "ztf-3.3-three.avro"])
    (batch,) = decode(raw, default_schemas()).batches
    classifier.add(tmp_path / "store", written(tmp_path / "given", model, STRICT), {})
    one = Classifier(tmp_path / "store" / "bright")
    found = one.of(batch, {})
    one.close()
    assert found.error is None
    assert re.fullmatch(why, found.warning or "")
    assert found.values["p"].null_count == len(batch) == len(found.values)
    assert found.values["model_version"].to_pylist() == ["1.2"] * len(batch)


def test_alerts_of_other_surveys_and_what_is_null_are_not_judged(batch: AlertBatch, tmp_path: Path) -> None:
    declared = BRIGHT.replace('"alert.mag"', '{ column = "ztf.drb" }') + 'survey = "ztf"'
    classifier.add(tmp_path / "store", written(tmp_path / "given", SIGMOID, declared), {})
    one = Classifier(tmp_path / "store" / "bright")
    found = one.of(batch, {})
    one.close()
    assert found.warning is None
    if batch.survey == "lsst":
        assert len(found.values) == len(found.rows) == 0
        return
    drb = batch.native(["drb"])["drb"].to_pylist()
    sigmoids = [None if x is None else pytest.approx(1 / (1 + np.exp(-x)), rel=1e-6) for x in drb]
    assert found.values["p"].to_pylist() == sigmoids


def test_what_a_model_is_told_may_be_gone(batch: AlertBatch, tmp_path: Path) -> None:
    declared = BRIGHT.replace("alert.mag", "match_gone.mag")
    tables = {"match_gone": Table("match_gone", (Column("mag", "REAL"),))}
    classifier.add(tmp_path / "store", written(tmp_path / "given", SIGMOID, declared), tables)
    one = Classifier(tmp_path / "store" / "bright")
    found = one.of(batch, {})
    assert found.warning == "it is told match_gone, which cannot be: it is not there any more"
    assert found.values["p"].null_count == len(batch)


def test_a_model_whose_process_was_killed_is_started_anew(tmp_path: Path) -> None:
    (raw,) = files.read([DATA / "ztf-3.3-three.avro"])
    (batch,) = decode(raw, default_schemas()).batches
    classifier.add(tmp_path / "store", written(tmp_path / "given"), {})
    one = Classifier(tmp_path / "store" / "bright")
    before = one.of(batch, {})
    child_ = one._process._child
    assert child_ is not None
    child_.kill()
    child_.wait()
    assert one.of(batch, {}).values == before.values
    assert before.values["p"].null_count == 0
    one.close()


WRONG = {
    "not a model": (b"PK\3\4 something else", BRIGHT, "is no ONNX model"),
    "empty": (b"", BRIGHT, "is no ONNX model: it gives nothing"),
    "an operator of somebody": (
        onnx_of("g (float[N,1] X) => (float[N,1] P) { P = evil.Shell(X) }", '"": 17, "evil": 1'),
        BRIGHT,
        "the operator evil.Shell is none of the standard's",
    ),
    "hidden in a branch": (
        onnx_of(
            "g (float[N,1] X, bool b) => (float[N,1] P) { P = If (b) <then_branch = t () => (float[N,1] y)"
            " { y = evil.Shell(X) }, else_branch = e () => (float[N,1] z) { z = Identity(X) }> }",
            '"": 17, "evil": 1',
        ),
        BRIGHT,
        "the operator evil.Shell is none",
    ),
    "too old": (onnx_of(SIGMOID, '"": 6'), BRIGHT, "operators of version 6; those from 7 to"),
    "from the future": (onnx_of(SIGMOID, '"": 999'), BRIGHT, "operators of version 999"),
    "one row": (onnx_of("g (float[1,1] X) => (float[1,1] P) { P = Sigmoid(X) }"), BRIGHT, "takes 1 rows"),
    "texts": (
        onnx_of("g (string[N,1] X) => (string[N,1] P) { P = Identity(X) }"),
        BRIGHT,
        "no tensor of numbers",
    ),
    "not TOML": (SIGMOID, "name = ", "is no TOML"),
    "a key that means nothing": (SIGMOID, BRIGHT + "thread = 4", "'thread' means nothing here"),
    "no version": (SIGMOID, BRIGHT.replace("version", "# version"), "has no 'version'"),
    "a table there is not": (SIGMOID, BRIGHT.replace("alert.mag", "match_x.mag"), "cannot be told match_x"),
    "a column there is not": (SIGMOID, BRIGHT.replace("alert.mag", "alert.mags"), "alert has no column mags"),
    "a text": (SIGMOID, BRIGHT.replace("alert.mag", "alert.band"), "alert.band is VARCHAR, and no number"),
    "a column that is taken": (SIGMOID, BRIGHT.replace('"p"', '"alert_id"'), "there is a column alert_id"),
    "no UCD": (SIGMOID, BRIGHT.replace("stat.probability", "stat.chance"), "'stat.chance' is no UCD"),
    "no such place": (SIGMOID, BRIGHT.replace('"p",', '"p", place = 1,'), "has 1 columns, none at 1"),
    "limits without limit": (SIGMOID, BRIGHT + "limits = { seconds = 1e9 }", "seconds must be above 0"),
    "a name with a path": (
        SIGMOID,
        BRIGHT.replace('"bright"', '"../bright"'),
        "cannot be called '../bright'",
    ),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_what_cannot_be_used_is_refused_and_leaves_nothing(wrong: str, tmp_path: Path) -> None:
    model, declared, why = WRONG[wrong]
    given = written(tmp_path / "given", model, declared)
    with pytest.raises(EnrichError, match=re.escape(why)):
        classifier.add(tmp_path / "store", given, {})
    assert [path for path in tmp_path.rglob("*") if "store" in path.parts and path.name != "store"] == []


def test_numbers_in_other_files_and_links_elsewhere_are_refused(tmp_path: Path) -> None:
    model = onnx.ModelProto.FromString(
        onnx_of("g (float[N,1] X) => (float[N,1] P) <float[1] w = {1}> { P = Mul(X, w) }")
    )
    (weight,) = model.graph.initializer
    weight.ClearField("float_data")
    weight.ClearField("raw_data")
    weight.data_location = onnx.TensorProto.EXTERNAL
    weight.external_data.add(key="location", value="../../../etc/passwd")
    given = written(tmp_path / "given", model.SerializeToString())
    with pytest.raises(EnrichError, match=r"numbers of 'w' are in the file '../../../etc/passwd'"):
        classifier.add(tmp_path / "store", given, {})
    written(tmp_path / "elsewhere")
    (given / "model.onnx").unlink()
    (given / "model.onnx").symlink_to(tmp_path / "elsewhere" / "model.onnx")
    with pytest.raises(EnrichError, match="is no file, or a link to one elsewhere"):
        classifier.add(tmp_path / "store", given, {})


def test_a_model_that_was_exchanged_is_damage(tmp_path: Path) -> None:
    store = tmp_path / "store"
    classifier.add(store, written(tmp_path / "given"), {})
    (store / "bright" / "model.onnx").write_bytes(onnx_of(SIGMOID.replace("Sigmoid", "Neg")))
    with pytest.raises(EnrichError, match="is another model than was added"):
        Enrichment.open(store)
    enrichment = Enrichment(store=store)
    (raw,) = files.read([DATA / "ztf-3.3-three.avro"])
    assert "classifier_bright" not in enrichment.of(decode(raw, default_schemas()).batches[0])
    assert "another model" in enrichment.damaged["classifier_bright"]


@given(st.binary(max_size=200), st.booleans())
def test_whatever_a_process_says_is_a_message_or_none(data: bytes, framed: bool) -> None:
    stream = struct.pack(">Q", len(data)) + data if framed else data
    place = 0

    def read(size: int) -> bytes:
        nonlocal place
        if place + size > len(stream):
            raise EOFError
        place += size
        return stream[place - size : place]

    with pytest.raises((EOFError, ValueError, TypeError, KeyError, AttributeError)):
        child.received(read)


def test_a_message_says_what_was_said() -> None:
    sent = {"x": np.arange(6, dtype=np.float32).reshape(3, 2), "t": np.array(["a", "é"], object)}
    data = child.message({"outputs": ["x"]}, sent)
    place = 0

    def read(size: int) -> bytes:
        nonlocal place
        place += size
        return data[place - size : place]

    told, arrays = child.received(read)
    assert (told, place) == ({"outputs": ["x"]}, len(data))
    assert arrays["x"].tolist() == sent["x"].tolist()
    assert arrays["t"].tolist() == ["a", "é"]
