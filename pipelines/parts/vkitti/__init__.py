"""vkitti."""
