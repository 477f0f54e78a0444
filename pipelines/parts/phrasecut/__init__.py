"""Parts of the `phrasecut` reader: its JSON files, checked, and its outlines as masks."""
