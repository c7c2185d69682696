"""How a text candidate learns: texts cleaned, made into numbers, and classified."""
