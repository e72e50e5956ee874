//! Plan, apply, confirm, roll back.
