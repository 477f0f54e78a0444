"""Parts of the `triplets` reader: tables, tars, names, and one edit's record wherever it stands."""
