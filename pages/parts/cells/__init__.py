"""The Locate page's way of going by a classifier of geo-cells."""
