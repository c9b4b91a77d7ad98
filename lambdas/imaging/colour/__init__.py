"""Colour: ICC profiles, the code points that stand for one, and the conversion to 8-bit sRGB."""
