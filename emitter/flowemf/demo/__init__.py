"""A small sample application, measured with flowemf: `python -m flowemf.demo` writes its log to standard output.

A number of events and a seed go in; ordinary log lines come out, with one EMF line for each event between them.
`flows.py` is the part to read: it is what instrumented code looks like. Models, tools and time are simulated.
"""
