"""hypersim."""
