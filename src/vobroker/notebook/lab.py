"""Start JupyterLab with the kernel of this environment, within the limits of a role."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from vobroker.notebook.allowance import IDLE_SECONDS, Allowance
from vobroker.notebook.confine import Limits, command

FIRST = "1-first-alert.ipynb"
"""Notebook that is open at first."""


@dataclass(frozen=True, slots=True)
class Lab:
    """A JupyterLab to be started.

    Attributes
    ----------
    command
        What to run.
    environment
        Its environment; the token is there, and not on the command line, which others can see.
    """

    command: list[str]
    environment: dict[str, str]


def missing() -> list[str]:
    """Name the packages that are needed and are not installed."""
    return [name for name in ("jupyterlab", "ipykernel") if find_spec(name) is None]


def limits(allowance: Allowance) -> Limits:
    """Give the limits of one server."""
    return Limits(allowance.cores, allowance.memory_bytes, allowance.hours * 3600)


def prepare(
    work: Path,
    session: Path,
    allowance: Allowance,
    *,
    host: str,
    port: int,
    token: str,
    told: Mapping[str, str],
) -> Lab:
    """Prepare a JupyterLab.

    Parameters
    ----------
    work
        Folder that it shows.
    session
        Folder for what it needs while it runs.
    allowance
        What it may use.
    host, port, token
        Where it listens, and the token that lets a browser in.
    told
        Further variables for its kernels: where the archive and the service are.
    """
    _kernel(session / "kernels" / "python3")
    _settings(session / "labconfig")
    options = {
        "ServerApp.root_dir": str(work),
        "ServerApp.ip": host,
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.open_browser": False,
        "ServerApp.allow_root": os.geteuid() == 0,
        "MappingKernelManager.cull_idle_timeout": IDLE_SECONDS,
        "MappingKernelManager.cull_connected": True,
        # Nothing is asked of the network that nobody has asked for.
        "LabApp.news_url": None,
        "LabApp.check_for_updates_class": "jupyterlab.NeverCheckForUpdate",
    }
    words = [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())]
    environment = {
        **os.environ,
        **allowance.environment,
        **told,
        "JUPYTER_TOKEN": token,
        **{name: _before(session, name) for name in ("JUPYTER_PATH", "JUPYTER_CONFIG_PATH")},
    }
    return Lab(command(words, limits(allowance)), environment)


def _kernel(folder: Path) -> None:
    """Write the kernel of this environment, which goes before every other one of the name."""
    folder.mkdir(parents=True)
    spec = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "vobroker",
        "language": "python",
        "metadata": {"debugger": True},
    }
    (folder / "kernel.json").write_text(json.dumps(spec, indent=1))


def _settings(folder: Path) -> None:
    """Write the settings that hold where the user has chosen no other."""
    folder.mkdir(parents=True)
    quiet = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false", "checkForUpdates": False}}
    (folder / "default_setting_overrides.json").write_text(json.dumps(quiet, indent=1))


def _before(folder: Path, name: str) -> str:
    """Put a folder before those of a variable of the environment."""
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get(name)])])
