"""triplets."""
