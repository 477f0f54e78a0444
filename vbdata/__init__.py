"""The engine: recipe -> index -> plan -> shards -> manifest. It names no dataset and no task."""
