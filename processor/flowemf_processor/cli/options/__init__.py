"""Options that several commands have, each with what it means.

What the user wrote goes in; sources, guards, stores and inventories come out, or what is wrong with it.
"""
