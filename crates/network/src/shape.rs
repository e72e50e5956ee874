//! Traffic shaping, as steps of `tc`.
