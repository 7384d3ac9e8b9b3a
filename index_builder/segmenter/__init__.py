"""The small segmenter that ships with Geoloc: drawn photos with their labels, training, and how good it is."""
