//! What the program does when it is called.

pub mod demo;
pub mod serve;
