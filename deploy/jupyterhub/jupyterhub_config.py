"""JupyterHub beside a vobroker: what a user may have is what the roles file says.

On Kubernetes (where the hub runs in a pod, as the chart "Zero to JupyterHub" installs it) servers are pods
of an image with vobroker; elsewhere they are processes here, for trying. ``jupyterhub -f`` reads it;
the chart takes it among ``hub.extraFiles``. In the environment:

VOBROKER_ROLES     the roles file; the one that comes with vobroker when not given
VOBROKER_AT        address of the broker
VOBROKER_ARCHIVE   place of the archive, where servers can read it
VOBROKER_IMAGE     image of the pods, in which 'vobroker[hub]' is installed; needed on Kubernetes
VOBROKER_HOMES     folder of the users' homes elsewhere
"""

import os
from pathlib import Path

from vobroker.notebook import allowances, profiles
from vobroker.roles import read_roles

c = get_config()  # noqa: F821

roles = read_roles(Path(os.environ["VOBROKER_ROLES"]) if "VOBROKER_ROLES" in os.environ else None)
allowed = allowances(roles)


def role_of(user):
    """Name the role of a user: those who administer the hub are operators."""
    return "operator" if user.admin else "user"


def profiles_of(spawner):
    """Give the profiles that the owner of a server may choose from."""
    return profiles(roles, role_of(spawner.user))


def further_servers(handler):
    """Give how many servers a user runs besides the first one."""
    return max(0, allowed[role_of(handler.current_user)].servers - 1)


c.JupyterHub.allow_named_servers = True
c.JupyterHub.named_server_limit_per_user = further_servers
c.Spawner.default_url = "/lab/tree/notebooks/1-first-alert.ipynb"
c.Spawner.http_timeout = 120

if "KUBERNETES_SERVICE_HOST" in os.environ:
    c.JupyterHub.spawner_class = "kubespawner.KubeSpawner"
    c.KubeSpawner.profile_list = profiles_of
    c.KubeSpawner.image = os.environ["VOBROKER_IMAGE"]
    c.KubeSpawner.storage_pvc_ensure = True
    c.KubeSpawner.environment = {
        name: os.environ[name] for name in ("VOBROKER_AT", "VOBROKER_ARCHIVE") if name in os.environ
    }
    c.KubeSpawner.lifecycle_hooks = {
        "postStart": {
            "exec": {
                "command": [
                    "python",
                    "-c",
                    "from pathlib import Path; from vobroker.notebook.shipped import copy_to;"
                    " copy_to(Path.home() / 'notebooks')",
                ]
            }
        }
    }
else:
    from vobroker.notebook.hub import ProfileSpawner

    c.JupyterHub.spawner_class = ProfileSpawner
    c.ProfileSpawner.profile_list = profiles_of
    c.ProfileSpawner.archive = os.environ.get("VOBROKER_ARCHIVE", "")
    c.ProfileSpawner.service = os.environ.get("VOBROKER_AT", "")
    homes = Path(os.environ.get("VOBROKER_HOMES", "vobroker-homes")).resolve()
    c.ProfileSpawner.home_dir_template = f"{homes}/{{username}}"

# A server that nobody uses is ended after an hour, with its kernels.
c.JupyterHub.services = [
    {
        "name": "idle-culler",
        "command": ["jupyterhub-idle-culler", "--timeout=3600", "--cull-every=300"],
    }
]
c.JupyterHub.load_roles = [
    {
        "name": "idle-culler",
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
        "services": ["idle-culler"],
    }
]
