//! The program itself, as its users meet it: real processes, real sockets, real files.
//!
//! `STADION_TEST_QUICK` makes the long ones short; `STADION_SEED` repeats one kill of `crash`.
#![cfg(test)]

mod backfill;
mod command_line;
mod crash;
mod crowd;
mod disk;
mod life;
mod ready;
mod stand;
