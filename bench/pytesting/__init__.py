"""The pytest plugin: the fixture ``odb``, its marker, and measured figures in pytest-benchmark."""
