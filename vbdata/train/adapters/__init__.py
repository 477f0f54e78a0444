"""Released image editors behind the trainer's protocol; a file's name is the kind of model.

Each calls its model exactly as the diffusers pipeline does. `parts` is what they share.
docs/adapters.md has their keys and conventions.
"""
