"""The imaging engine beside sharp, Pillow and the bare encoders: CPU, memory, bytes, quality."""
