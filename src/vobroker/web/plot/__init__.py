"""A quick plot of a query's result: which columns, how they are drawn, and what each point is."""

from vobroker.web.plot.choice import Choice, axes, choose, colours
from vobroker.web.plot.draw import Drawing, address, draw, needed

__all__ = ["Choice", "Drawing", "address", "axes", "choose", "colours", "draw", "needed"]
