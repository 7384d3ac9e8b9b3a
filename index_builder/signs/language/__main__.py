"""`python -m index_builder.signs.language`."""

from index_builder.signs.language.train import main

main()
