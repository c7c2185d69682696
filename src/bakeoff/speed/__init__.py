"""How fast a candidate is: one protocol for every framework, shared between modes, and repeated side by side."""
