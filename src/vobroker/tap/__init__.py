"""TAP 1.1 on an archive: ADQL queries, waited for or not, and all that VO clients want to know first."""

from vobroker.tap.app import create_app, running
from vobroker.tap.fetch import Fence
from vobroker.tap.jobs import Jobs
from vobroker.tap.service import Service

__all__ = ["Fence", "Jobs", "Service", "create_app", "running"]
