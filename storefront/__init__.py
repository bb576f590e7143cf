"""The shop's page: HTML, CSS and ES modules as the browser gets them, without a build step. `gateway/storefront.py` serves them."""
