"""Time the writers of DaCHS; run by the Python that ``corpus/adapters/install.sh dachs`` installs.

Rows come pickled on standard input, as a dict of columns; seconds of processor time by format go to standard
output as JSON. DaCHS takes rows as dicts, as its database driver gives them: making them is not timed.
"""

import json
import pickle
import sys
import tempfile
import time

from gavo import base, formats, rsc, rscdef
from gavo.formats import csvtable, fitstable, jsontable, texttable, votablewrite  # noqa: F401 -- they register

FORMS = {
    "votable/b2": "votable/b2",
    "votable/b": "votable",
    "votable/td": "votable/td",
    "fits": "fits",
    "csv": "csv",
    "tsv": "tsv",
    "json": "json",
}

given = pickle.load(sys.stdin.buffer)
columns = "".join(f'<column name="{name}" type="{kind}"/>' for name, kind in given["types"].items())
definition = base.parseFromString(rscdef.TableDef, f'<table id="alert">{columns}</table>')
names = list(given["types"])
rows = [dict(zip(names, row)) for row in zip(*(given["columns"][name] for name in names))]  # noqa: B905
table = rsc.TableForDef(definition, rows=rows)

seconds = {}
with tempfile.TemporaryDirectory() as folder:
    base.setConfig("tempDir", folder)
    for form, key in FORMS.items():
        with tempfile.TemporaryFile() as target:
            start = time.process_time()
            formats.formatData(key, table, target, acquireSamples=False)
            seconds[form] = time.process_time() - start
print(json.dumps(seconds))
