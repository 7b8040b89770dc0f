"""The firmware of gate and badge; app alone knows every part."""
