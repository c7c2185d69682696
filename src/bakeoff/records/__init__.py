"""The files that pass between stages, and the names of candidates."""
