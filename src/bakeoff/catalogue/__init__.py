"""What the products are: sources, checks, packing, splits; no framework is loaded here."""
