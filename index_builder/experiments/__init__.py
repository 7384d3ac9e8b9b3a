"""Systems compared on the same photos with the same budget: what `python -m index_builder experiment` runs.

`systems` says what a comparison is made of, `compare` runs it row by row, `report` and `figure` tell what came out.
`atlas` and `photos` are two comparisons: on drawn photos, and on real ones split by walk or author. A new system is a
`System` and a `Row` in a list; nothing else changes.
"""
