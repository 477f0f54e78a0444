"""refcoco."""
