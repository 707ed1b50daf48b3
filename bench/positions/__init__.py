"""The parts of ``bench.sky``: a synthetic survey, archives filled with it, questions with their answers."""
