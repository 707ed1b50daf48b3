"""What a role may use of a notebook server, and how JupyterHub is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vobroker.roles import ROLES, Limits, Roles

IDLE_SECONDS = 3600
"""Time without work after which a kernel is ended."""

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Allowance:
    """The notebook servers of one role.

    Attributes
    ----------
    role, title
        The role, and who has it.
    servers
        Servers that one caller runs at the same time.
    cores
        Cores of each.
    memory_bytes
        Memory of each, with all its kernels.
    hours
        Time that each runs at most.
    disk_bytes
        Files that a caller keeps.
    """

    role: str
    title: str
    servers: int
    cores: int
    memory_bytes: int
    hours: float
    disk_bytes: int

    @classmethod
    def of(cls, role: str, limits: Limits) -> Allowance | None:
        """Give the allowance of a role; None where it has no notebooks."""
        if not limits.notebooks:
            return None
        return cls(
            role,
            limits.title,
            limits.notebooks,
            limits.notebook_cores,
            limits.notebook_memory_bytes,
            limits.notebook_hours,
            limits.notebook_disk_bytes,
        )

    def __str__(self) -> str:
        cores = f"{self.cores} core{'s' * (self.cores != 1)}"
        return f"{cores}, {self.memory_bytes / 1e9:.3g} GB of memory, {self.hours:g} hours"

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which numerical libraries and Jupyter's display know the limits."""
        return {
            "CPU_LIMIT": f"{self.cores}",
            "MEM_LIMIT": f"{self.memory_bytes}",
            "VOBROKER_ROLE": self.role,
            **dict.fromkeys(_THREADS, f"{self.cores}"),
        }


def allowances(roles: Roles) -> dict[str, Allowance]:
    """Give the allowance of every role that has notebooks, the least first."""
    found = {role: Allowance.of(role, roles.limits[role]) for role in ROLES}
    return {role: one for role, one in found.items() if one is not None}


def profiles(roles: Roles, role: str = "operator") -> list[dict[str, Any]]:
    """Give what somebody may choose from in JupyterHub, in the form of KubeSpawner's ``profile_list``.

    Parameters
    ----------
    roles
        The roles and their limits.
    role
        Who chooses: its own profile comes first, then those of the roles below it.

    Returns
    -------
    list of dict
        ``slug``, ``display_name``, ``description``, ``default``, and ``kubespawner_override`` with the
        limits: cores, bytes of memory and disk, and the seconds after which Kubernetes ends the pod.
    """
    known = allowances(roles)
    within = [known[name] for name in reversed(ROLES[: ROLES.index(role) + 1]) if name in known]
    return [
        {
            "slug": one.role,
            "display_name": f"vobroker, as {one.role}",
            "description": f"{one}, {one.disk_bytes / 1e9:.3g} GB of files: for {one.title}",
            "default": number == 0,
            "kubespawner_override": {
                "cpu_limit": float(one.cores),
                "mem_limit": one.memory_bytes,
                "storage_capacity": f"{one.disk_bytes}",
                "environment": one.environment,
                "extra_pod_config": {"activeDeadlineSeconds": int(one.hours * 3600)},
            },
        }
        for number, one in enumerate(within)
    ]
