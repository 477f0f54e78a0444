"""What several tasks share: depth codes, palettes, distinct colours, legends, seeds, components."""
