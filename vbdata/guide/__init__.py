"""What people ask before they have a recipe: which readers and tasks there are, and which fit."""
