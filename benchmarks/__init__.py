"""TPC-H and load against any engine adapter."""
