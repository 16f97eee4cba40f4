"""The rules of the service: values and pure functions, standard library only."""
