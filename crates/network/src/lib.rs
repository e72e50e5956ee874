//! Host networking for game servers: observe → plan → apply → undo. It stands alone, and runs as root.
