"""The fast road: lines of one directive are read together, as far as they can be proved flawless.

Blocks of lines go in; values go to whoever takes them, and the places of those lines come out that have to be read one
by one, by `core.parse`, which alone says what is wrong with a line. Both roads give the same numbers.
"""

from flowemf_processor.core.batches.road import BatchRoad, Read
from flowemf_processor.core.batches.takers import Nobody, SeriesTaker, Taker

__all__ = ["BatchRoad", "Nobody", "Read", "SeriesTaker", "Taker"]
