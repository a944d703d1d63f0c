"""What ``deskrun demo`` shows: media made on the spot or found in a folder, and a cut of them."""
