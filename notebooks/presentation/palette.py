"""Okabe and Ito's palette: told apart with any colour vision, and in grey by lightness."""

BLUE, ORANGE, GREY, VERMILION, GREEN, SKY = "#0072b2", "#e69f00", "#999999", "#d55e00", "#009e73", "#56b4e9"

SERIES = (BLUE, ORANGE, GREEN, SKY, VERMILION, GREY)
"""One after the other, for kinds of equal standing; no more than these are told apart."""
