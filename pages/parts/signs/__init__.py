"""The Locate page's way of going by what is written in the photo."""
