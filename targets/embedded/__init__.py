"""The embedded target: real engines as local processes, without root, Docker or a cluster."""
