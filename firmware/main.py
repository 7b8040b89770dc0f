"""What the chip runs when it starts."""

import gc

import board

gc.collect()  # between imports: what compiling leaves behind would split the heap for good

from device import app

app.run(board)
