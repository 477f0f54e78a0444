"""captioned."""
