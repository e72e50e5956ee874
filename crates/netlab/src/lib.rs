//! Test hosts in network namespaces, with players, floods and bottlenecks between them. For tests and benchmarks only.
