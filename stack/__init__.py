"""The servers and deploy units of LiveDrops on one machine: find or install, start, watch, stop.

An instance is one profile (`dev` or `test`) of one clone. Instances share nothing but installed programs, so they
run beside each other: own ports, own secrets, own data, own supervisord.
"""
