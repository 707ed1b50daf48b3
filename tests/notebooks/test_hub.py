"""JupyterHub: profiles are what the roles file says, and a server has what its profile says."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests
from tests.notebooks.conftest import ROOT, Kernel

from vobroker.notebook import profiles
from vobroker.roles import read_roles

ROLES = """
[user]
notebook_cores = 1
notebook_memory_bytes = 3_000_000_000
notebook_hours = 0.5
"""

CONFIG = """
load_subconfig({config!r})
c.JupyterHub.bind_url = "http://127.0.0.1:{proxy}"
c.JupyterHub.hub_port = {hub}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{api}"
c.JupyterHub.authenticator_class = "dummy"
c.Authenticator.allow_all = True
c.JupyterHub.services.append({{"name": "test", "api_token": "token-of-the-test"}})
c.JupyterHub.load_roles.append(
    {{"name": "test", "scopes": ["admin:users", "admin:servers", "access:servers"], "services": ["test"]}}
)
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """The addresses of a proxy and of the hub of deploy/ behind it."""
    with ExitStack() as stack:
        taken = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(3)]
        proxy, hub, api = (one.getsockname()[1] for one in taken)
    config = str(ROOT / "deploy" / "jupyterhub" / "jupyterhub_config.py")
    told = CONFIG.format(config=config, proxy=proxy, hub=hub, api=api)
    (tmp_path / "config.py").write_text(told)
    (tmp_path / "roles.toml").write_text(_changed(ROLES))
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "VOBROKER_ROLES": str(tmp_path / "roles.toml"),
        "VOBROKER_AT": "https://alerts.example.org",
        "VOBROKER_HOMES": str(tmp_path / "homes"),
    }
    with subprocess.Popen(
        [sys.executable, "-m", "jupyterhub", "-f", "config.py"],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        said = ""
        for line in process.stdout:
            said += line
            if "JupyterHub is now running" in line:
                break
        try:
            assert process.poll() is None, said
            yield f"http://127.0.0.1:{proxy}", f"http://127.0.0.1:{hub}"
        finally:
            process.terminate()
            process.communicate(timeout=120)


def _changed(limits: str) -> str:
    """Write the roles file with other limits of users."""
    changed = {line.split(" = ")[0]: line for line in limits.splitlines() if " = " in line}
    lines = (ROOT / "src/vobroker/roles.toml").read_text().splitlines()
    section = ""
    for number, line in enumerate(lines):
        section = line.split("]")[0].strip("[") if line.startswith("[") else section
        name = line.split(" = ")[0]
        if section == "user" and name in changed:
            lines[number] = changed[name]
    return "\n".join(lines)


def test_a_server_of_the_hub_has_what_its_profile_says(hub: tuple[str, str], tmp_path: Path) -> None:
    (profile,) = profiles(read_roles(tmp_path / "roles.toml"), "user")
    may = profile["kubespawner_override"]
    assert (may["cpu_limit"], may["mem_limit"]) == (1.0, 3_000_000_000)
    assert may["extra_pod_config"] == {"activeDeadlineSeconds": 1800}
    public, inside = hub
    with requests.Session() as asking:
        asking.headers["Authorization"] = "token token-of-the-test"
        ada = f"{inside}/hub/api/users/ada"
        asking.post(ada, timeout=60).raise_for_status()
        refused = asking.post(f"{ada}/server", json={"profile": "operator"}, timeout=60)
        assert (refused.status_code, "no profile operator for ada" in refused.text) == (403, True)
        asking.post(f"{ada}/server", json={"profile": "user"}, timeout=120).raise_for_status()
        with asking.get(f"{ada}/server/progress", stream=True, timeout=240) as progress:
            assert progress.status_code == 200, progress.text
            *_, last = (line for line in progress.iter_lines(decode_unicode=True) if line)
        assert '"ready": true' in last
        kernel = Kernel(f"{public}/user/ada", "token-of-the-test")
        told = kernel.told(
            "[len(os.sched_getaffinity(0)), resource.getrlimit(resource.RLIMIT_DATA)[1],"
            " os.environ['VOBROKER_AT'], os.environ['VOBROKER_ROLE']]"
        )
        kernel.close()
        assert told == [1, 3_000_000_000, "https://alerts.example.org", "user"]
        assert (tmp_path / "homes/ada/notebooks/1-first-alert.ipynb").exists()
        asking.delete(f"{ada}/server", timeout=120).raise_for_status()


def test_profiles_are_those_of_ones_own_role_and_the_ones_below() -> None:
    roles = read_roles()
    own = profiles(roles, "operator")
    assert [one["slug"] for one in own] == ["operator", "user"]
    assert [one["default"] for one in own] == [True, False]
    assert profiles(roles, "guest") == []
    for one in own:
        limits = roles.limits[one["slug"]]
        may = one["kubespawner_override"]
        assert (may["cpu_limit"], may["mem_limit"]) == (limits.notebook_cores, limits.notebook_memory_bytes)
        assert may["storage_capacity"] == str(limits.notebook_disk_bytes)
        assert may["environment"]["MEM_LIMIT"] == str(limits.notebook_memory_bytes)
        assert f"{limits.notebook_hours:g} hours" in one["description"]
