"""How far heat maps can be believed, measured on test photos."""
