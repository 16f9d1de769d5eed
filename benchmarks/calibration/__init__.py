"""How far off what we measure is: a scripted endpoint with known behaviour, measured by the tools themselves."""
