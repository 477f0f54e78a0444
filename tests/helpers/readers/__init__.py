"""Readers for tests only, named in recipes by their dotted names."""
