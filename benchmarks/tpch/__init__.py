"""TPC-H: data, queries, right answers, comparison and the power test, against any engine adapter."""
