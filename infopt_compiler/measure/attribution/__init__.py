"""What each pass on the way to what ships did to quality, size, memory and speed."""
