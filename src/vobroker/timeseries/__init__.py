"""Light curves: model, serialisations and plots."""

from vobroker.timeseries.model import LightCurve, merge

__all__ = ["LightCurve", "merge"]
