"""The story of one request on the small world, with real parts and a proof."""
