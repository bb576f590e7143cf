"""`livedrops exporter`: tells Prometheus what no process tells of itself. Which units are ready, how old what waits is, how MongoDB is.

Each source is asked from a thread of its own, again and again, and what it said last is what is told: a store that hangs delays no answer. What was
said too long ago is told no more, and its source is told to be away.
"""
