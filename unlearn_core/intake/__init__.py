"""The intake service: takes in requests and shows where they stand."""
