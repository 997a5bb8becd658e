"""The parts of the probe: `script` (running and errors), `blame` (which statement), `ink` (which pixels),
`roles` and `elements` (the table). Private names of matplotlib 3.8.4 are used throughout; the version is
pinned in `requirements.lock`."""
