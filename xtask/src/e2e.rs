//! `cargo xtask e2e NAME`: proofs against software that is not ours. Each has a directory below `e2e/`, and those with
//! code a workspace of their own there, so that what it needs is in nobody else's build.

mod network_vm;

use crate::run::{Failure, Outcome, cargo, root, show, step, unattended};
use crate::suite;
use std::path::PathBuf;
use std::process::Command;

pub(crate) fn run(arguments: &[String]) -> Outcome {
    match arguments {
        [name] if name == "agones-sdk" => agones_sdk(),
        [name, parts @ ..] if name == "network-vm" => network_vm::run(parts),
        _ => Err(Failure::usage(
            "e2e takes one name: `agones-sdk` or `network-vm`",
        )),
    }
}

/// A game server with the official Agones crate on a real `stadion serve`.
fn agones_sdk() -> Outcome {
    let workspace = Workspace("e2e/agones-sdk");
    step("formatting of e2e/agones-sdk", || {
        show(workspace.cargo("fmt").args(["--all", "--check"]))
    })?;
    step("stadion", || {
        show(&mut suite::linted(cargo([
            "build",
            "--quiet",
            "--package",
            "stadion",
        ])))
    })?;
    let protoc = match std::env::var_os("PROTOC") {
        Some(protoc) => PathBuf::from(protoc),
        None => step("a protoc of our own", || {
            show(
                workspace
                    .compiling("build")
                    .args(["--package", "stadion-e2e-protoc"]),
            )
            .map(|()| workspace.target().join("debug/protoc"))
        })?,
    };
    let mut test = suite::linted(workspace.compiling("test"));
    test.args(["--package", "stadion-e2e-agones-sdk", "--no-fail-fast"])
        .env("PROTOC", protoc)
        .env("STADION_BIN", target().join("debug/stadion"));
    step("e2e agones-sdk", || show(&mut test))
}

/// A workspace of its own, by its directory.
struct Workspace(&'static str);

impl Workspace {
    fn cargo(&self, command: &str) -> Command {
        let manifest = root().join(self.0).join("Cargo.toml");
        let mut cargo = cargo([command, "--manifest-path"]);
        cargo.arg(manifest);
        cargo
    }

    fn compiling(&self, command: &str) -> Command {
        let mut cargo = self.cargo(command);
        cargo.arg("--quiet").env("CARGO_TARGET_DIR", self.target());
        if unattended() {
            cargo.arg("--locked");
        }
        cargo
    }

    /// Inside the one that git ignores; shared by all workspaces below `e2e/`.
    fn target(&self) -> PathBuf {
        target().join("e2e")
    }
}

/// Where the cargo that runs this program puts what it builds.
fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root().join("target"), |directory| root().join(directory))
}
