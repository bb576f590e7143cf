"""LiveDrops on Nomad and Consul: the same units and servers as `make run`, scheduled, discovered, checked, updated.

jobs.py       writes jobs/nomad and consul/ from stack/units.py (`make jobs`)
settings.py   what a job's template asks of Consul and Nomad, to make the settings of a process
artifact.py   all of LiveDrops in one file
agents.py     Consul, Nomad and its autoscaler on this machine
consul.py, scheduler.py   what is asked of them over HTTP
mesh.py       `livedrops nomad up`, `down`, `status`
"""
