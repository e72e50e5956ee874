//! `docs/network.md` is true: its commands do what it shows, its profiles can be planned, and the pages and files that
//! belong to it follow the code.

#![cfg(test)]

mod commands;
mod manifest;
mod pod;
mod reference;
mod steps;

const PAGE: &str = include_str!("../../../../docs/network.md");
const TOOL: &str = env!("CARGO_BIN_EXE_stadion-network");

/// Fences of the page: what follows them, and the lines of each block.
fn blocks(page: &str) -> Vec<(&str, Vec<&str>)> {
    let mut blocks: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut is_inside = false;
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(kind) => {
                is_inside = !is_inside;
                if is_inside {
                    blocks.push((kind, Vec::new()));
                }
            }
            None if is_inside => {
                let block = blocks.last_mut().expect("invariant: a block was opened");
                block.1.push(line);
            }
            None => {}
        }
    }
    blocks
}
