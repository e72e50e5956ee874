use super::*;
use crate::id::{GameModeName, PlayerId, TicketId};
use crate::ticket::{Requirements, TicketState};

mod errors;
mod examples;
mod invariants;
mod kinds;
mod large;
mod modes;
mod planned;
mod relaxed;

/// Tickets of one to several players, with numbers for names.
struct Players {
    next: u64,
}

/// What a player is like.
#[derive(Clone, Debug, Default)]
struct Like {
    skill: f64,
    attributes: BTreeMap<String, Attribute>,
    latencies_ms: BTreeMap<Region, u32>,
    id: Option<&'static str>,
}

/// The moment of every test; tickets are older than that.
const NOW: Timestamp = Timestamp(1_000_000);

impl Like {
    fn skilled(skill: f64) -> Self {
        Self {
            skill,
            ..Self::default()
        }
    }

    fn number(mut self, name: &str, number: f64) -> Self {
        self.attributes
            .insert(name.into(), Attribute::Number(number));
        self
    }

    fn text(mut self, name: &str, text: &str) -> Self {
        self.attributes
            .insert(name.into(), Attribute::Text(text.into()));
        self
    }

    fn list(mut self, name: &str, texts: &[&str]) -> Self {
        let texts = texts.iter().map(|text| (*text).into()).collect();
        self.attributes.insert(name.into(), Attribute::List(texts));
        self
    }

    fn map(mut self, name: &str, numbers: &[(&str, f64)]) -> Self {
        let numbers = numbers.iter().map(|(key, n)| ((*key).into(), *n)).collect();
        self.attributes.insert(name.into(), Attribute::Map(numbers));
        self
    }

    fn at(mut self, region: &str, latency_ms: u32) -> Self {
        let region = Region::new(region).unwrap();
        self.latencies_ms.insert(region, latency_ms);
        self
    }

    fn named(mut self, id: &'static str) -> Self {
        self.id = Some(id);
        self
    }
}

impl Players {
    const fn new() -> Self {
        Self { next: 0 }
    }

    /// A party that has waited `waited_s`.
    fn party(&mut self, waited_s: u64, players: &[Like]) -> Ticket {
        let created_at = NOW.minus_ms(waited_s * 1_000);
        self.next += 1;
        let ticket = self.next;
        let players = players.iter().map(|like| {
            self.next += 1;
            let id = like
                .id
                .map_or_else(|| format!("player-{}", self.next), Into::into);
            TicketPlayer {
                player_id: PlayerId::new(&id).unwrap(),
                skill: like.skill,
                skill_uncertainty: 0.0,
                latencies_ms: like.latencies_ms.clone(),
                attributes: like.attributes.clone(),
            }
        });
        Ticket {
            id: TicketId::from_u128(u128::from(ticket)),
            game_mode: GameModeName::new("mode").unwrap(),
            players: players.collect(),
            region_preference: Vec::new(),
            requirements: Requirements::default(),
            state: TicketState::Searching,
            created_at,
            expires_at: NOW.plus_ms(1_000_000),
            changed_at: created_at,
            requeues: 0,
        }
    }

    fn one(&mut self, waited_s: u64, player: Like) -> Ticket {
        self.party(waited_s, &[player])
    }

    fn all(&mut self, waited_s: u64, players: impl IntoIterator<Item = Like>) -> Vec<Ticket> {
        players
            .into_iter()
            .map(|player| self.one(waited_s, player))
            .collect()
    }
}

/// The verdict on `teams`: what is broken, by name.
fn verdict<'s>(set: &'s RuleSet, teams: &[(&str, &[Ticket])]) -> Result<(), &'s str> {
    let tickets: Vec<Vec<&Ticket>> = teams
        .iter()
        .map(|(_, tickets)| tickets.iter().collect())
        .collect();
    let teams: Vec<Team<'_>> = teams
        .iter()
        .zip(&tickets)
        .map(|((name, _), tickets)| Team { name, tickets })
        .collect();
    let verdict = set.judge(&teams, NOW);
    // What is not refused as a whole must not be refused on the way to it.
    if verdict.is_ok() {
        let all: Vec<&Ticket> = tickets.iter().flatten().copied().collect();
        for (place, candidate) in all.iter().enumerate() {
            assert!(
                set.could_join(&all[..place], candidate, NOW),
                "{:?} was refused",
                candidate.id
            );
        }
    }
    verdict.map_err(|broken| {
        assert!(!set.explain(broken).is_empty());
        set.names().nth(broken.rule).unwrap()
    })
}

fn parse(text: &str) -> RuleSet {
    RuleSet::parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// A set of `teams` (name, least, most) with these attributes, rules and other sections.
fn set(teams: &[(&str, u32, u32)], attributes: &str, rules: &str, more: &str) -> RuleSet {
    parse(&text(teams, attributes, rules, more))
}

fn text(teams: &[(&str, u32, u32)], attributes: &str, rules: &str, more: &str) -> String {
    let teams: Vec<String> = teams
        .iter()
        .map(|(name, min, max)| {
            format!("{{\"name\": \"{name}\", \"minPlayers\": {min}, \"maxPlayers\": {max}}}")
        })
        .collect();
    format!(
        "{{\"ruleLanguageVersion\": \"1.0\", \"playerAttributes\": [{attributes}], \"teams\": [{}], \
         \"rules\": [{rules}]{more}}}",
        teams.join(", ")
    )
}

/// Whether `candidate` could join `members`.
fn joins(set: &RuleSet, members: &[Ticket], candidate: &Ticket) -> bool {
    let members: Vec<&Ticket> = members.iter().collect();
    set.could_join(&members, candidate, NOW)
}
