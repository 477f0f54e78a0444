"""Real editors behind the trainer's protocol; a file's name is the kind of model it makes."""
