"""GeoCLIP's parts that are made beforehand: galleries of locations, and the small GeoCLIP that ships with Geoloc."""
