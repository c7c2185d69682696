"""What more photos would buy: accuracy against the number of training photos, and how it would go on."""
