use std::collections::HashMap;

use proptest::prelude::*;
use stadion_core::fleet::{AllocationRequest, Bounds, Health, ServerTemplate, ServerType};
use stadion_core::id::{GameModeName, MatchId, Region};
use stadion_core::ticket::Requirements;

use super::*;

const START: Timestamp = Timestamp(1_700_000_000_000);
const TIMING: Timing = Timing {
    start_timeout_ms: 60_000,
    stop_grace_ms: 5_000,
    back_off_ms: 1_000,
    back_off_max_ms: 8_000,
};

fn spec(min: u32, max: u32) -> Arc<FleetSpec> {
    Arc::new(FleetSpec {
        name: FleetName::new("duel").unwrap(),
        game_id: "arena".into(),
        server_type: ServerType::Match,
        region: Region::new("eu").unwrap(),
        zone: None,
        game_modes: Vec::new(),
        bounds: Bounds {
            min_replicas: min,
            max_replicas: max,
            buffer_size: 0,
        },
        template: ServerTemplate {
            command: vec!["true".into()],
            env: BTreeMap::new(),
            max_players: 2,
            tick_rate: 60,
            anti_cheat: true,
            labels: BTreeMap::new(),
            health: Health {
                disabled: false,
                initial_delay_seconds: 5,
                period_seconds: 5,
                failure_threshold: 3,
            },
        },
    })
}

fn match_id(number: u8) -> MatchId {
    MatchId::new(START, u128::from(number))
}

fn request(number: u8) -> AllocationRequest {
    AllocationRequest {
        match_id: match_id(number),
        region: Region::new("eu").unwrap(),
        game_mode: GameModeName::new("1v1").unwrap(),
        players: 2,
        requirements: Requirements::default(),
    }
}

/// A world and the processes of its servers, which do what they are told at once.
struct Host {
    world: World,
    now: Timestamp,
    begun: u16,
    told: Vec<(ServerName, rustix::process::Signal)>,
    wake: Option<Timestamp>,
}

impl Host {
    fn new(min: u32, max: u32) -> Self {
        let world = World::new(&[spec(min, max)], &BTreeMap::new(), TIMING);
        let mut host = Self {
            world,
            now: START,
            begun: 0,
            told: Vec::new(),
            wake: None,
        };
        host.round();
        host
    }

    /// Plans, and starts what is to be started.
    fn round(&mut self) {
        let plan = self.world.plan(self.now, 0);
        self.wake = plan.wake;
        self.told
            .extend(plan.signal.into_iter().map(|told| (told.name, told.signal)));
        for fleet in plan.create {
            self.begun += 1;
            let name = ServerName::new(format!("duel-{:04}", self.begun)).unwrap();
            let birth = Birth {
                name: name.clone(),
                uid: name.to_string(),
                address: "127.0.0.1".into(),
                game_port: 7_000 + self.begun,
                sdk_port: 20_000 + self.begun,
            };
            self.world.begin(&fleet, birth, self.now).unwrap();
            self.world.started(
                &name,
                Identity {
                    pid: u32::from(self.begun),
                    start: 1,
                },
                self.now,
            );
        }
    }

    fn pass(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
        self.round();
    }

    fn names(&self) -> Vec<ServerName> {
        self.world.servers.keys().cloned().collect()
    }

    fn state(&self, name: &ServerName) -> GameServerState {
        self.world.servers[name].record.server.state
    }

    fn say(&mut self, name: &ServerName, said: Said) {
        self.world.said(name, said, self.now, 0).unwrap();
    }

    fn say_all(&mut self, said: &Said) {
        for name in self.names() {
            self.say(&name, said.clone());
        }
    }

    fn exit(&mut self, name: &ServerName, exit: Exit) {
        self.world.exited(name, exit, self.now, 0);
        self.round();
    }

    fn allocate(&mut self, number: u8) -> Option<ServerName> {
        self.world
            .allocate(&request(number), self.now)
            .ok()
            .map(|given| given.allocation.server)
    }

    fn live(&self) -> usize {
        self.world
            .servers
            .values()
            .filter(|server| !server.record.server.state.is_terminal())
            .count()
    }
}

#[test]
fn a_fleet_comes_to_its_size_and_a_server_that_ends_well_is_replaced_at_once() {
    let mut host = Host::new(3, 9);
    assert_eq!(host.live(), 3);
    host.say_all(&Said::Ready);
    host.pass(SHORT_LIFE);
    let [first, second, _] = &host.names()[..] else {
        panic!("three servers")
    };
    host.exit(first, Exit::Clean);
    assert_eq!(host.live(), 3);
    host.say(second, Said::Shutdown);
    host.round();
    assert_eq!(host.told, [(second.clone(), rustix::process::Signal::TERM)]);
    assert_eq!((host.live(), host.world.servers.len()), (3, 4));
}

const SHORT_LIFE: u64 = 1_000;

#[test]
fn crashes_are_replaced_after_a_wait_that_doubles() {
    let mut host = Host::new(1, 9);
    let mut waits = Vec::new();
    for _ in 0..6 {
        host.say_all(&Said::Ready);
        let name = host.names().remove(0);
        host.exit(&name, Exit::Crash);
        assert_eq!(host.live(), 0);
        let wake = host.wake.unwrap();
        waits.push(wake.since_ms(host.now));
        host.pass(waits[waits.len() - 1]);
        assert_eq!(host.live(), 1);
    }
    // The least jitter is half of 1, 2, 4, 8 s and no more.
    assert_eq!(waits, [500, 1_000, 2_000, 4_000, 4_000, 4_000]);
}

#[test]
fn a_server_that_is_done_before_it_was_of_use_counts_as_failed() {
    for how in [Said::Ready, Said::Shutdown] {
        let mut host = Host::new(1, 9);
        let name = host.names().remove(0);
        host.say(&name, how);
        host.exit(&name, Exit::Clean);
        assert_eq!(host.live(), 0);
    }
}

#[test]
fn one_crash_does_not_delay_the_replacement_of_others() {
    let mut host = Host::new(2, 9);
    host.say_all(&Said::Ready);
    host.pass(SHORT_LIFE);
    let names = host.names();
    host.exit(&names[0], Exit::Crash);
    host.exit(&names[1], Exit::Clean);
    assert_eq!(host.live(), 1);
}

#[test]
fn a_server_that_is_not_ready_in_time_is_unhealthy() {
    let mut host = Host::new(1, 9);
    let name = host.names().remove(0);
    for _ in 0..TIMING.start_timeout_ms / 1_000 {
        assert_eq!(host.state(&name), GameServerState::Scheduled);
        host.world.pinged(&name, host.now);
        host.pass(1_000);
    }
    assert_eq!(host.state(&name), GameServerState::Unhealthy);
}

#[test]
fn missing_signs_of_life_make_a_server_unhealthy_for_good() {
    let mut host = Host::new(1, 9);
    let name = host.names().remove(0);
    host.say(&name, Said::Ready);
    // A sign in every period keeps it.
    for _ in 0..20 {
        host.pass(4_000);
        host.world.pinged(&name, host.now);
        assert_eq!(host.state(&name), GameServerState::Ready);
    }
    let silent_since = host.now;
    while host.state(&name) == GameServerState::Ready {
        host.pass(500);
    }
    let silent_ms = host.now.since_ms(silent_since);
    // Three checks, the first of which falls into the first or second period of silence.
    assert!((15_000..=20_500).contains(&silent_ms), "{silent_ms}");
    host.say(&name, Said::Ready);
    assert_eq!(host.state(&name), GameServerState::Unhealthy);
    assert_eq!(host.told[0].1, rustix::process::Signal::TERM);
    host.pass(TIMING.stop_grace_ms);
    assert_eq!(host.told[1], (name, rustix::process::Signal::KILL));
}

#[test]
fn a_reservation_ends_by_itself() {
    let mut host = Host::new(1, 9);
    let name = host.names().remove(0);
    host.say(&name, Said::Reserve { seconds: Some(2) });
    host.pass(1_999);
    assert_eq!(host.state(&name), GameServerState::Reserved);
    assert_eq!(host.allocate(1), None);
    assert_eq!(host.wake, Some(host.now.plus_ms(1)));
    host.pass(1);
    assert_eq!(host.state(&name), GameServerState::Ready);
    host.say(&name, Said::Reserve { seconds: None });
    host.pass(3_000);
    assert_eq!(host.state(&name), GameServerState::Reserved);
}

#[test]
fn i8_scaling_down_takes_the_oldest_ready_and_never_an_allocated_one() {
    let mut host = Host::new(0, 9);
    for count in 1..=4 {
        host.world
            .scale(&FleetName::new("duel").unwrap(), count)
            .unwrap();
        host.pass(10);
    }
    host.say_all(&Said::Ready);
    let names = host.names();
    let taken = host.allocate(1).unwrap();
    let oldest = names.iter().find(|name| **name != taken).unwrap();
    let scale = |host: &mut Host, count| {
        host.world
            .scale(&FleetName::new("duel").unwrap(), count)
            .unwrap();
        host.round();
    };
    scale(&mut host, 3);
    assert_eq!(host.state(oldest), GameServerState::Shutdown);
    scale(&mut host, 0);
    assert_eq!(host.live(), 1);
    assert_eq!(host.state(&taken), GameServerState::Allocated);
    assert!(
        host.world
            .scale(&FleetName::new("duel").unwrap(), 10)
            .is_err()
    );
}

#[test]
fn a_game_server_sets_a_bounded_number_of_labels() {
    let mut host = Host::new(1, 1);
    let name = host.names().remove(0);
    let label = |number: usize| Said::Label(format!("agones.dev/sdk-{number}"), "x".into());
    for number in 0..16 {
        host.say(&name, label(number));
    }
    host.say(&name, label(3));
    assert!(host.world.said(&name, label(16), host.now, 0).is_err());
}

#[derive(Clone, Debug)]
enum Event {
    Say(usize, u8),
    Exit(usize, bool),
    Allocate(u8),
    Release(u8),
    Scale(u32),
    ShutDown(usize),
    Pass(u16),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (any::<usize>(), 0..4_u8).prop_map(|(which, what)| Event::Say(which, what)),
        1 => (any::<usize>(), any::<bool>()).prop_map(|(which, clean)| Event::Exit(which, clean)),
        4 => (0..6_u8).prop_map(Event::Allocate),
        1 => (0..6_u8).prop_map(Event::Release),
        1 => (0..8_u32).prop_map(Event::Scale),
        1 => any::<usize>().prop_map(Event::ShutDown),
        2 => any::<u16>().prop_map(Event::Pass),
    ]
}

proptest! {
    /// Whatever happens: a match has one server and a server one match, the same match gets the same answer while its
    /// server lives, and only what its owner ends is taken from it.
    #[test]
    fn i3_i8_hold_whatever_happens(events in prop::collection::vec(event(), 1..80)) {
        let mut host = Host::new(1, 6);
        let mut held: HashMap<MatchId, ServerName> = HashMap::new();
        for event in events {
            let names = host.names();
            let pick = |index: usize| names.get(index % names.len().max(1)).cloned();
            match event {
                Event::Say(which, what) => if let Some(name) = pick(which) {
                    let said = [Said::Ready, Said::Shutdown, Said::Reserve { seconds: Some(3) }, Said::Allocate];
                    // A server that says Ready or Reserve again has ended its match.
                    if what < 3 {
                        held.retain(|_, server| *server != name);
                    }
                    host.say(&name, said[usize::from(what)].clone());
                },
                Event::Exit(which, clean) => if let Some(name) = pick(which) {
                    held.retain(|_, server| *server != name);
                    host.exit(&name, if clean { Exit::Clean } else { Exit::Crash });
                },
                Event::Allocate(number) => {
                    let server = host.allocate(number);
                    if let Some(before) = held.get(&match_id(number)) {
                        prop_assert_eq!(server.as_ref(), Some(before));
                    }
                    if let Some(server) = server {
                        prop_assert!(held.iter().all(|(id, other)| *other != server || *id == match_id(number)));
                        held.insert(match_id(number), server);
                    }
                }
                Event::Release(number) => {
                    host.world.release(match_id(number), host.now);
                    held.remove(&match_id(number));
                }
                Event::Scale(count) => drop(host.world.scale(&FleetName::new("duel").unwrap(), count)),
                Event::ShutDown(which) => if let Some(name) = pick(which) {
                    held.retain(|_, server| *server != name);
                    host.world.shut_down(&name, host.now).unwrap();
                },
                Event::Pass(ms) => {
                    for name in &names {
                        host.world.pinged(name, host.now.plus_ms(u64::from(ms)));
                    }
                    host.now = host.now.plus_ms(u64::from(ms));
                }
            }
            host.round();
            for (id, server) in &held {
                prop_assert_eq!(host.state(server), GameServerState::Allocated);
                prop_assert_eq!(host.world.servers[server].record.server.match_id, Some(*id));
            }
            let wanted = host.world.replicas(&FleetName::new("duel").unwrap()).unwrap() as usize;
            let kept = host.world.servers.values().filter(|server| {
                matches!(server.record.server.state, GameServerState::Allocated | GameServerState::Reserved)
            }).count();
            prop_assert!(host.live() <= wanted.max(kept), "{} live, {wanted} wanted, {kept} kept", host.live());
        }
    }
}
