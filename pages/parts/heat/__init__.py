"""Parts of the page Text to map."""
