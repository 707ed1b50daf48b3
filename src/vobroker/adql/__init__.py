"""ADQL 2.1: grammar, tree, checker and translation to database engines."""
