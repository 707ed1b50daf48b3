"""The shared corpus of ADQL queries: its files, the running of implementations, and the reports.

The corpus itself is plain files in the folder ``corpus/`` of the project, usable without this package.

>>> from vobroker.adql import corpus
>>> groups = corpus.read("corpus")  # doctest: +SKIP
>>> run = corpus.run(groups, corpus.ours())  # doctest: +SKIP
>>> [o.question.name for o in run.outcomes if o.judgement == "disagrees"]  # doctest: +SKIP
"""

from vobroker.adql.corpus.files import find, read, to_json, write
from vobroker.adql.corpus.implementations import Implementation, command, ours
from vobroker.adql.corpus.lyonetia import from_xml, to_xml
from vobroker.adql.corpus.model import Contested, CorpusError, Declaration, Group, Party, Query
from vobroker.adql.corpus.runner import Outcome, Question, Run, questions, run

__all__ = [
    "Contested",
    "CorpusError",
    "Declaration",
    "Group",
    "Implementation",
    "Outcome",
    "Party",
    "Query",
    "Question",
    "Run",
    "command",
    "find",
    "from_xml",
    "ours",
    "questions",
    "read",
    "run",
    "to_json",
    "to_xml",
    "write",
]
