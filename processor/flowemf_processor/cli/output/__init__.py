"""What commands have to say: answers on stdout, everything else on stderr.

Values and counts go in; text for people and for programs comes out.
"""
