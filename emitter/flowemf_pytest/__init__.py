"""The plugin that pytest loads wherever flowemf is installed: it gives tests the fixtures of `flowemf.testing`.

Nothing goes in and nothing comes out here. It stands beside the package `flowemf`, since every pytest run of every
project in the same environment imports it: it must cost those projects nothing.
"""

__all__: list[str] = []
