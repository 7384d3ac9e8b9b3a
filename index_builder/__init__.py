"""Everything offline: from geotagged photos to a gallery. Run as `python -m index_builder`."""
