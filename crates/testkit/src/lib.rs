//! Placeholder header, replaced with the room's own text.
