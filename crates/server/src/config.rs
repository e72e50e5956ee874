//! Configuration: as written, then as meant.
