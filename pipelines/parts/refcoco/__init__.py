"""Parts of the `refcoco` reader: the official pickles of referring expressions and their splits."""
