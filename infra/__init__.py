"""What is done with the code besides running it: locking its dependencies, staging it for deployment."""
