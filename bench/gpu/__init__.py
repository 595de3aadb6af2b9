"""What a GPU does with this software: `python -m bench.gpu`."""
