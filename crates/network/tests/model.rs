//! The engine against a model: whatever is applied, killed, confirmed, changed by others and rolled back, in any order.
#![cfg(test)]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use stadion_network::engine::{Engine, Options, TimerProgram};
use stadion_network::facts::Facts;
use stadion_network::host::Host;
use stadion_network::subject::{Risk, Scope, Subject, Wish};

/// As many settings as make every order of three different.
const SETTINGS: usize = 3;
/// More steps than any change of three settings has.
const STEPS: usize = 14;

/// What somebody does.
#[derive(Clone, Debug)]
enum Deed {
    /// We apply these values, are killed at a step, and confirm or are put back.
    Apply {
        want: [Option<u8>; SETTINGS],
        killed_at: Option<usize>,
        confirms: bool,
    },
    /// Somebody else sets a value.
    Foreign(usize, u8),
    /// We roll back, are killed at a step, and roll back once more.
    Rollback { killed_at: Option<usize> },
}

fn deed() -> impl Strategy<Value = Deed> {
    let value = prop::option::weighted(0.7, 0u8..4);
    let killed_at = || prop::option::weighted(0.4, 0usize..STEPS);
    prop_oneof![
        4 => (prop::array::uniform3(value), killed_at(), prop::bool::weighted(0.7)).prop_map(
            |(want, killed_at, confirms)| Deed::Apply { want, killed_at, confirms }
        ),
        2 => (0..SETTINGS, 0u8..4).prop_map(|(setting, value)| Deed::Foreign(setting, value)),
        1 => killed_at().prop_map(|killed_at| Deed::Rollback { killed_at }),
    ]
}

/// One setting, as it should be.
#[derive(Clone, Copy, Debug, Default)]
struct Setting {
    now: u8,
    /// Before us, and what we made of it.
    ours: Option<(u8, u8)>,
}

impl Setting {
    fn applied(mut self, want: Option<u8>) -> Self {
        let Some(want) = want else { return self };
        let is_drift = self
            .ours
            .is_some_and(|(before, ours)| self.now != ours && self.now != before);
        if !is_drift && self.now != want {
            let before = self.ours.map_or(self.now, |(before, _)| before);
            self.ours = Some((before, want));
            self.now = want;
        }
        self
    }

    fn rolled_back(self) -> Self {
        match self.ours {
            Some((before, ours)) if self.now == ours => Self {
                now: before,
                ours: None,
            },
            _ => Self { ours: None, ..self },
        }
    }
}

fn name(setting: usize) -> String {
    format!("net/ipv4/setting_{setting}")
}

fn write(root: &Path, setting: usize, value: u8) {
    let path = root.join("proc/sys").join(name(setting));
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, format!("{value}\n")).unwrap();
}

fn read(root: &Path) -> Vec<u8> {
    let read = |setting| {
        let text = std::fs::read_to_string(root.join("proc/sys").join(name(setting))).unwrap();
        text.trim().parse().unwrap()
    };
    (0..SETTINGS).map(read).collect()
}

fn wishes(want: &[Option<u8>; SETTINGS]) -> Vec<Wish> {
    let wish = |(setting, value): (usize, &Option<u8>)| {
        Some(Wish {
            subject: Subject::Sysctl(name(setting)),
            want: Some((*value)?.to_string()),
            scope: Scope::Netns,
            reason: "the test says so".into(),
            risk: Risk::Low,
        })
    };
    want.iter().enumerate().filter_map(wish).collect()
}

/// How a kill ends our own thread.
struct Killed;

/// Runs `work` with an engine that dies at a step; whether it died. As with a kill, nothing is tidied up but what the
/// kernel tidies up: locks.
fn with_engine(
    root: &Path,
    state: &Path,
    killed_at: Option<usize>,
    work: impl FnOnce(&Engine<'_>),
) -> bool {
    let host = Host::below(root);
    let dead = Cell::new(false);
    let die = |step| {
        if killed_at == Some(step) {
            dead.set(true);
            resume_unwind(Box::new(Killed));
        }
    };
    let engine = Engine::new(&host, state, &die);
    let ended = catch_unwind(AssertUnwindSafe(|| work(&engine)));
    match ended {
        Err(cause) if !dead.get() => resume_unwind(cause),
        _ => dead.get(),
    }
}

fn apply(engine: &Engine<'_>, want: &[Option<u8>; SETTINGS], timer: &TimerProgram) -> usize {
    let facts = Facts::default();
    let options = Options {
        confirm_within: Duration::from_secs(600),
        confirm_now: false,
        overwrite_drift: false,
        strict: false,
        timer,
    };
    let plan = || engine.plan(&["optimize"], wishes(want), Vec::new(), &facts);
    engine.apply(plan, &facts, &options).unwrap().changed
}

/// Waits until nothing is unfinished: the timer, or we, see to it.
fn heal(root: &Path, state: &Path) {
    let host = Host::below(root);
    let engine = Engine::new(&host, state, &|_| {});
    for _ in 0..1_000 {
        if engine.heal().is_ok() {
            return;
        }
        host.pause(Duration::from_millis(5)); // polls: the timer's lock
    }
    panic!("the lock is never free");
}

/// Applies, and confirms or lets the time run out; whether it was confirmed.
fn change(
    root: &Path,
    state: &Path,
    timer: &TimerProgram,
    want: &[Option<u8>; SETTINGS],
    killed_at: Option<usize>,
    confirms: bool,
) -> bool {
    let mut changed = 0;
    let died = with_engine(root, state, killed_at, |engine| {
        changed = apply(engine, want, timer);
    });
    // At the last step everything is done, and waits.
    let path = state.join("node/transaction.json");
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    if !text.contains("\"waiting\"") {
        heal(root, state);
        assert!(died || changed == 0, "what is changed waits");
        return false;
    }
    if confirms {
        with_engine(root, state, None, |engine| {
            engine.confirm().unwrap();
        });
        return true;
    }
    // The same as the end of the time to confirm.
    let mut transaction: BTreeMap<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
    transaction.insert("deadline_ms".into(), 0.into());
    std::fs::write(&path, serde_json::to_string(&transaction).unwrap()).unwrap();
    heal(root, state);
    false
}

fn play(deeds: &[Deed]) {
    let dir = tempfile::tempdir().unwrap();
    let (root, state) = (dir.path().join("root"), dir.path().join("state"));
    let mut model = [Setting::default(); SETTINGS];
    for setting in 0..SETTINGS {
        write(&root, setting, 0);
    }
    let place = root.display().to_string();
    let timer = TimerProgram {
        program: env!("CARGO_BIN_EXE_stadion-network").into(),
        args: vec!["--sysroot".into(), place],
        systemd: false,
    };
    for deed in deeds {
        match deed {
            Deed::Foreign(setting, value) => {
                write(&root, *setting, *value);
                model[*setting].now = *value;
            }
            Deed::Rollback { killed_at } => {
                with_engine(&root, &state, *killed_at, |engine| {
                    engine.rollback().unwrap();
                });
                with_engine(&root, &state, None, |engine| {
                    engine.rollback().unwrap();
                });
                model = model.map(Setting::rolled_back);
            }
            Deed::Apply {
                want,
                killed_at,
                confirms,
            } => {
                if change(&root, &state, &timer, want, *killed_at, *confirms) {
                    for (setting, want) in model.iter_mut().zip(want) {
                        *setting = setting.applied(*want);
                    }
                }
            }
        }
        let expected: Vec<u8> = model.iter().map(|setting| setting.now).collect();
        assert_eq!(read(&root), expected, "after {deed:?}");
        if let Deed::Apply { want, .. } = deed
            && model
                .iter()
                .zip(want)
                .all(|(s, w)| s.applied(*w).now == s.now)
        {
            with_engine(&root, &state, None, |engine| {
                assert_eq!(apply(engine, want, &timer), 0, "twice changes nothing");
            });
        }
    }
    with_engine(&root, &state, None, |engine| {
        engine.rollback().unwrap();
    });
    let expected: Vec<u8> = model.map(|setting| setting.rolled_back().now).to_vec();
    assert_eq!(read(&root), expected, "after the last rollback");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_host_is_as_the_model_says(deeds in prop::collection::vec(deed(), 1..8)) {
        play(&deeds);
    }
}
