"""The end of a takedown: erases once more, when nothing can be writing the image any longer."""
