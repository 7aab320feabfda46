"""What must not leave: text goes in, text without secrets, personal data and identifiers comes out."""
