"""Fault injection: the catalogue, the experiment's order, the ledger, the measures."""
