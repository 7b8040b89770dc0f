"""What the chip runs when it starts."""

import board
from device import app

app.run(board)
