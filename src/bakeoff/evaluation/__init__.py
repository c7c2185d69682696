"""How good a candidate is, from its predictions alone; framework-free."""
