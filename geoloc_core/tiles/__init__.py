"""Map tiles: the squares of the world's map, their pictures, where these come from and where they are kept.

`tile` has the mathematics, `picture` turns untrusted bytes into pixels, `sources` fetch, `cache` keeps what was
fetched, `tally` counts what failed and why.
"""
