"""How one candidate learns: photos to batches, one loop, its checkpoints, and the predictor that comes out."""
