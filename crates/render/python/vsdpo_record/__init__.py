"""The hooks of the ChartMimic low-level metrics: what they note of one chart script, one file per metric.

The behaviour is that of the benchmark's own evaluators, accidents included, because published numbers hold
them. `fixed=True` leaves the accidents out that `crates/score/src/chartmimic.rs` lists.
"""
