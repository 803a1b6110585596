//! What whoever runs a server can watch: probes, spans, metrics, the audit stream; against each other and against the truth.

mod probes;
mod spans;
