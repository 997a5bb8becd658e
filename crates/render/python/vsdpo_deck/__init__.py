"""Which statements of a python-pptx script made and changed each shape, and the decks that it saved."""
