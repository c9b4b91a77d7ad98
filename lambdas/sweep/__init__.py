"""The rest of a takedown: erases again soon, and once nothing can be writing the image any longer."""
