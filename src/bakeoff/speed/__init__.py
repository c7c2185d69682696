"""How fast a network is: one session for both frameworks, in which all networks take turns."""
