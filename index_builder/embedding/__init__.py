"""A source's rows to vectors: the work folder, the shards, what embeds one, and the engines that embed them all."""
