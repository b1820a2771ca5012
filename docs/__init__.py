"""What the project says of itself."""
