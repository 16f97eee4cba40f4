"""Language models: tokens, weights, the offset ensemble and its decoding."""
