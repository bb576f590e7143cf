"""What watches LiveDrops, as files and as pure functions that make them: who is asked for metrics, what is alarming, what is drawn.

The local stack and Nomad's jobs use the same.
"""
