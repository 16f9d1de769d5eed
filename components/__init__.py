"""The parts of the stack, one ``ComponentResource`` each; ``__main__`` composes them."""
