"""Using the chosen candidate: predict, monitor, export."""
