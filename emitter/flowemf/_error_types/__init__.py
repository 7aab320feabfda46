"""What went wrong, in one word: an exception goes in, the value of the dimension ErrorType comes out."""
