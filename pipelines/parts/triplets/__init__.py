"""Parts of the `triplets` reader: one edit's record, wherever it stands."""
