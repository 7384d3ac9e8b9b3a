"""Geo-cells made of the places of photos: `places` collects them, `build` cuts the world into cells of like counts."""
