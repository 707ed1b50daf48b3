"""JupyterHub: servers of users on this machine, each within the limits of a role.

On Kubernetes KubeSpawner takes :func:`~vobroker.notebook.allowance.profiles` as its ``profile_list``; this
module is for a hub without it. ``deploy/jupyterhub/jupyterhub_config.py`` uses either.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from html import escape
from pathlib import Path
from typing import Any

from jupyterhub.spawner import SimpleLocalProcessSpawner
from tornado.web import HTTPError
from traitlets import List, Unicode, default
from traitlets import Union as Either
from traitlets.traitlets import Callable as Function

from vobroker.notebook import shipped
from vobroker.notebook.confine import Limits, command


class ProfileSpawner(SimpleLocalProcessSpawner):  # type: ignore[misc]
    """Starts a user's server on this machine, within the profile that the user has chosen.

    The server is a process of the hub's own system user, so this is for trying and for people who trust each
    other; limits hold, walls between users are the affair of containers.
    """

    profile_list = Either(
        [List(), Function()], help="Profiles in the form of KubeSpawner, or what gives them for a spawner."
    ).tag(config=True)
    archive = Unicode(help="Place of the archive, for VOBROKER_ARCHIVE.").tag(config=True)
    service = Unicode(help="Address of the broker, for VOBROKER_AT.").tag(config=True)

    def profiles(self) -> list[dict[str, Any]]:
        """Give the profiles that the user may choose from, the first of which is taken without a choice."""
        found = self.profile_list
        return list(found(self) if callable(found) else found)

    def _options_form_default(self) -> str:
        """Offer the profiles where there is a choice."""
        if len(self.profiles()) < 2:
            return ""
        return "".join(
            f'<label class="d-block"><input type="radio" name="profile" value="{escape(one["slug"])}"'
            f"{' checked' * one['default']}> <b>{escape(one['display_name'])}</b>"
            f" {escape(one['description'])}</label>"
            for one in self.profiles()
        )

    @default("apply_user_options")
    def _nothing_else(self) -> Callable[..., None]:
        """Take nothing out of a request but the profile, which is looked up."""
        return lambda spawner, options: None

    def options_from_form(self, form: Mapping[str, list[str]]) -> dict[str, str]:
        """Take the choice out of the form."""
        return {"profile": form.get("profile", [""])[0]}

    def chosen(self) -> dict[str, Any]:
        """Give the profile of this server.

        Raises
        ------
        tornado.web.HTTPError
            If there is no such profile for this user, whoever asks for it.
        """
        known = {one["slug"]: one for one in self.profiles()}
        if not known:
            raise HTTPError(403, f"the roles give no notebooks to {self.user.name}")
        wanted = self.user_options.get("profile") or next(iter(known))
        if wanted not in known:
            raise HTTPError(403, f"there is no profile {wanted} for {self.user.name}")
        return known[wanted]

    def get_env(self) -> dict[str, str]:
        """Tell the server where archive and service are, and what it may use."""
        told = {"VOBROKER_ARCHIVE": self.archive, "VOBROKER_AT": self.service}
        environment: dict[str, str] = super().get_env()
        limits: dict[str, str] = self._may["environment"]
        return environment | {name: value for name, value in told.items() if value} | limits

    @property
    def _may(self) -> dict[str, Any]:
        may: dict[str, Any] = self.chosen()["kubespawner_override"]
        return may

    @property
    def cmd_within(self) -> list[str]:
        """The command of the server, within the limits of the profile."""
        seconds = self._may["extra_pod_config"]["activeDeadlineSeconds"]
        limits = Limits(int(self._may["cpu_limit"]), self._may["mem_limit"], seconds)
        words = [sys.executable, "-m", "jupyterhub.singleuser", *["--allow-root"] * (os.geteuid() == 0)]
        return command(words, limits)

    async def start(self) -> tuple[str, int]:
        """Put the notebooks into the user's folder, and start the server."""
        self.cmd = self.cmd_within
        shipped.copy_to(Path(self.home_dir) / "notebooks")
        started: tuple[str, int] = await super().start()
        return started
