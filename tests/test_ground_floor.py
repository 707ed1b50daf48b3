"""Each part of the ground floor works with the packages of its own extra and no others."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution, packages_distributions

import pytest

PARTS = {
    "votypes": "import vobroker.votypes.columns, vobroker.votypes.types",
    "adql": "from vobroker.adql import parse; parse('SELECT ra FROM alert WHERE ra > 10')",
    "sky": "import vobroker.sky.crossmatch; vobroker.sky.healpix29([10.0], [-5.0])",
    "voevent": "import vobroker.voevent",
    "timeseries": "import vobroker.timeseries, vobroker.timeseries.plot, vobroker.timeseries.documents",
    "platforms": "import vobroker.platforms.probe; from vobroker.platforms.read import shipped; shipped()",
}


def required(name: str, extra: str = "") -> set[str]:
    """Names of all distributions that one needs, those of its extra included."""
    found: set[str] = set()
    waiting = [(name, extra)]
    while waiting:
        name, extra = waiting.pop()
        try:
            lines = distribution(name).requires or []
        except PackageNotFoundError:
            continue
        for line in lines:
            needed = re.split(r"[ ;<>=!~\[(]", line)[0].lower().replace("_", "-")
            condition = line.partition(";")[2]
            wanted = f'"{extra}"' in condition.replace("'", '"') if "extra" in condition else not extra
            if wanted and needed not in found:
                found.add(needed)
                waiting.append((needed, ""))
    return found


@pytest.mark.parametrize("part", PARTS)
def test_the_part_works_alone(part: str) -> None:
    allowed = required("vobroker", part)
    blocked = {
        module
        for module, owners in packages_distributions().items()
        if module != "vobroker" and not any(o.lower().replace("_", "-") in allowed for o in owners)
    }
    script = f"""
import sys
from importlib.machinery import PathFinder
class Hidden:
    @staticmethod
    def find_spec(name, path=None, target=None):
        hidden = name.partition(".")[0] in {blocked!r}
        return None if hidden else PathFinder.find_spec(name, path, target)
sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not PathFinder] + [Hidden]
{PARTS[part]}
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
