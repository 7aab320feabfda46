"""What connects flowemf with other libraries: one module for each, imported by whoever uses that library.

Nothing goes in and nothing comes out here: a module's framework is imported with the module, and with nothing else.
"""
