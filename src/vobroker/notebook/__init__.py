"""JupyterLab beside the archive: the notebooks that come with vobroker, and what a role may use.

:mod:`~vobroker.notebook.shipped` has the notebooks, :mod:`~vobroker.notebook.allowance` the limits,
:mod:`~vobroker.notebook.confine` holds a server to them, :mod:`~vobroker.notebook.lab` starts one.
"""

from vobroker.notebook.allowance import Allowance, allowances, profiles

__all__ = ["Allowance", "allowances", "profiles"]
