"""How good and how fast a candidate is; framework-free, because it receives a predictor."""
