//! Settings of the kernel and its devices for game servers.
