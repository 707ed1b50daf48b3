"""Query logs of TAP services: what people ask for, in categories that give nobody away.

>>> from vobroker.adql.querylog import mine, read
>>> found = mine(read([Path("tap.log")]))  # doctest: +SKIP
>>> found.clusters[0].sentence  # doctest: +SKIP
'cone search on T1'
"""

from vobroker.adql.querylog.clusters import Cluster, Mined, mine
from vobroker.adql.querylog.logs import Entry, LogError, Reading, read
from vobroker.adql.querylog.skeleton import Skeleton, normal, skeleton

__all__ = [
    "Cluster",
    "Entry",
    "LogError",
    "Mined",
    "Reading",
    "Skeleton",
    "mine",
    "normal",
    "read",
    "skeleton",
]
