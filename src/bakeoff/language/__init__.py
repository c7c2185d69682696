"""What the product says to people, in English and French: phrases in pairs, numbers as the language writes them."""
