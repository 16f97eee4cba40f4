"""Making an offset pair: recipes, cached laws, the loop, checkpoints."""
