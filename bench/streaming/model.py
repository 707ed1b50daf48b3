"""A linear model of the CPU that a visit takes, fitted to measured points, and what it says of LSST.

The work of a visit is taken to be a sum: so much for each gigabyte that is sent, for each of these once more
where three brokers share it, for each that brokers copy to each other, for each that groups read, for each
thousand messages that are sent or read, and for each thousand alerts that are decoded and filtered.
Coefficients are not negative; residuals are relative, so that small points count as large ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bench.streaming.design import LSST_ALERTS, LSST_SECONDS, Point, from_dict

TERMS = (
    "GB sent",
    "GB sent, more on three brokers",
    "GB copied between brokers",
    "GB read by groups",
    "1,000 messages sent or read",
    "1,000 alerts filtered",
)
ROLES = ("brokers", "producers", "consumers")


@dataclass(frozen=True)
class Model:
    """Core-seconds of each term, and relative errors of points that a fit did not see."""

    coefficients: np.ndarray
    left_out: np.ndarray

    @property
    def error(self) -> float:
        """Typical relative error of a point left out: root mean square."""
        return float(np.sqrt(np.mean(self.left_out**2))) if len(self.left_out) else float("nan")


def terms(point: Point, size: float) -> np.ndarray:
    """Give the terms of a visit of a design.

    Parameters
    ----------
    point
        The design.
    size
        Bytes of the packets of a visit.
    """
    groups = len(point.groups)
    filtering = sum(kind != "read" for kind in point.groups)
    return np.array(
        [
            size / 1e9,
            size * (point.brokers > 1) / 1e9,
            size * (point.replication - 1) / 1e9,
            size * groups / 1e9,
            point.alerts * (1 + groups) / 1e3,
            point.alerts * filtering / 1e3,
        ]
    )


def used(result: dict[str, Any], roles: Sequence[str] = ROLES) -> float:
    """Core-seconds of a visit in a measured point; the conductor is no part of it."""
    return float(sum(result["median"]["cpu"][role] for role in roles))


def least_squares(rows: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Fit coefficients that are not negative, by least squares of relative residuals.

    Terms whose coefficient comes out negative are left out, the most negative first, until none is.

    Raises
    ------
    ValueError
        If a measured value is not positive.
    """
    if not (measured > 0).all():
        raise ValueError("only work that was measured to be more than nothing can be fitted")
    kept = list(range(rows.shape[1]))
    found = np.zeros(rows.shape[1])
    while kept:
        weighted = rows[:, kept] / measured[:, None]
        # Columns to one scale: terms differ by orders of magnitude.
        scale = np.abs(weighted).max(axis=0)
        scale[scale == 0] = 1.0
        solved = np.linalg.lstsq(weighted / scale, np.ones(len(measured)), rcond=None)[0] / scale
        if (solved >= 0).all():
            found[kept] = solved
            break
        kept.pop(int(np.argmin(solved * scale)))
    return found


def fit(rows: np.ndarray, measured: np.ndarray, same: Sequence[object] | None = None) -> Model:
    """Fit the model, and find the error of each point by a fit without it.

    Parameters
    ----------
    rows, measured
        Terms and core-seconds of each point, shapes ``(points, terms)`` and ``(points,)``.
    same
        Points with equal values are repeats of one design and are left out together.
    """
    labels = list(range(len(measured))) if same is None else list(same)
    errors = []
    for label in dict.fromkeys(labels):
        out = np.array([each == label for each in labels])
        if (~out).sum() < rows.shape[1]:
            continue
        predicted = rows[out] @ least_squares(rows[~out], measured[~out])
        errors += (predicted / measured[out] - 1).tolist()
    return Model(least_squares(rows, measured), np.array(errors))


def interval(
    rows: np.ndarray,
    measured: np.ndarray,
    wanted: np.ndarray,
    errors: np.ndarray,
    *,
    draws: int = 1000,
    share: float = 0.95,
) -> tuple[np.ndarray, np.ndarray]:
    """Give the interval of predictions by bootstrap.

    Each draw fits points drawn anew and spreads what it predicts by an error of a point left out, so that
    both the uncertainty of the coefficients and the misfit of the model are in it.

    Parameters
    ----------
    wanted
        Terms to predict for, shape ``(n, terms)``.
    errors
        Relative errors of points left out.

    Returns
    -------
    low, high
        Shape ``(n,)`` each.
    """
    rng = np.random.default_rng(28)
    drawn = np.empty((draws, len(wanted)))
    # Drawn anew among points of the same terms, so that no term is left without points.
    kinds = [np.flatnonzero((rows.astype(bool) == kind).all(axis=1)) for kind in np.unique(rows > 0, axis=0)]
    for n in range(draws):
        chosen = np.concatenate([rng.choice(kind, len(kind)) for kind in kinds])
        predicted = wanted @ least_squares(rows[chosen], measured[chosen])
        # An error of +25 % is one of a model that says 1.25 of what is true.
        drawn[n] = predicted / (1 + rng.choice(errors)) if len(errors) else predicted
    tail = (1 - share) / 2
    low, high = np.quantile(drawn, (tail, 1 - tail), axis=0)
    return low, high


def for_lsst(
    results: Sequence[dict[str, Any]], groups: Sequence[int] = range(1, 11)
) -> dict[str, Any] | None:
    """Fit the measured points and say what LSST's visits would need; None where there are too few points.

    Points of whole visits are not fitted: they are predicted, and stand beside what was measured.
    """
    seen = [each for each in results if each["point"]["series"] != "whole visit"]
    if len({from_dict(each["point"]).key for each in seen}) <= len(TERMS):
        return None
    kept = [each for each in results if each["point"]["series"] == "whole visit"]
    points = [from_dict(each["point"]) for each in seen]
    rows = np.array([terms(point, each["bytes"]) for point, each in zip(points, seen, strict=True)])
    packet = max(each["bytes"] / each["point"]["alerts"] for each in seen)
    wanted = [(("read",) * n, replication) for replication in (1, 3) for n in groups]
    lsst = np.array(
        [
            terms(
                Point(
                    LSST_ALERTS,
                    LSST_SECONDS,
                    1,
                    groups=kinds,
                    replication=replication,
                    brokers=replication,
                ),
                packet * LSST_ALERTS,
            )
            for kinds, replication in wanted
        ]
    )
    answer: dict[str, Any] = {"terms": list(TERMS), "packet": packet, "fits": {}}
    for name, roles in (("all", ROLES), ("brokers", ("brokers",))):
        measured = np.array([used(each, roles) for each in seen])
        if not (measured > 0).all():
            continue
        model = fit(rows, measured, [point.key for point in points])
        whole = [
            {
                "groups": len(each["point"]["groups"]),
                "measured": used(each, roles),
                "predicted": float(terms(from_dict(each["point"]), each["bytes"]) @ model.coefficients),
            }
            for each in kept
        ]
        # Whole visits are what the model is for: their errors are drawn as often as all others.
        errors = [model.left_out]
        if whole:
            missed = np.array([each["predicted"] / each["measured"] - 1 for each in whole])
            errors.append(np.resize(missed, -(-len(model.left_out) // len(missed)) * len(missed)))
        low, high = interval(rows, measured, lsst, np.concatenate(errors))
        answer["fits"][name] = {
            "coefficients": model.coefficients.tolist(),
            "left_out": model.left_out.tolist(),
            "error": model.error,
            "fitted": (rows @ model.coefficients).tolist(),
            "measured": measured.tolist(),
            "lsst": [
                {
                    "groups": len(kinds),
                    "replication": replication,
                    "cores": float(row @ model.coefficients / LSST_SECONDS),
                    "low": float(low[n] / LSST_SECONDS),
                    "high": float(high[n] / LSST_SECONDS),
                }
                for n, ((kinds, replication), row) in enumerate(zip(wanted, lsst, strict=True))
            ],
            "whole": whole,
        }
    return answer
