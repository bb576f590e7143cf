"""Catalogues of products: made up by seed, written to files, read from files, and brought in through the products service."""
