"""The report as one page of HTML that needs nothing else: figures go in, the text of the page comes out."""
