"""What trainers and predictors read: products, packed photos, transforms, batches, predictions.parquet."""
