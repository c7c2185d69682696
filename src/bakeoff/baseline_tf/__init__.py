"""The TensorFlow baseline: the only importer of tensorflow and keras, and only in the modules below this package."""
