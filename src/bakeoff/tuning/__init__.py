"""Which recipe suits a candidate, by trials on train and validation; the test split is never opened."""
