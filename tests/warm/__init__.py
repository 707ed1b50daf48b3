"""Commands of the docs in forks of a process that has imported the program: as they are, but sooner."""
