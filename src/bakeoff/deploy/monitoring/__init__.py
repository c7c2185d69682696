"""Whether the deployed candidate still does what the study found, on new products with or without labels."""
