//! Property expressions: what of a match a rule looks at.
//!
//! As "FlexMatch property expressions" of the Amazon `GameLift` documentation has them: `teams[…]` selects teams, with
//! `.players` their players, and functions reduce lists. An operation on a nested list works on each list inside.

use super::node::{choices, shown};
use super::{AttributeType, Names};

/// Nesting of functions that is read: the documentation's deepest has three, and each takes a stack frame.
pub(super) const NESTING_MAX: usize = 16;

/// What is evaluated.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    /// Something of every player of the selected teams: a list per team, or one list if a single team is named.
    Players { teams: Selection, what: What },
    /// A function of something that is nested `depth` lists deep.
    Call {
        function: Function,
        depth: u8,
        of: Box<Expression>,
    },
}

/// Teams, by their place in the rule set.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Selection {
    All,
    One(usize),
    Several(Vec<usize>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Players,
    Ids,
    /// The attribute at this place of the rule set.
    Attribute(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Min,
    Max,
    Average,
    Median,
    Sum,
    Count,
    Deviation,
    Flatten,
    SetIntersection,
}

const FUNCTIONS: [(&str, Function); 9] = [
    ("min", Function::Min),
    ("max", Function::Max),
    ("avg", Function::Average),
    ("median", Function::Median),
    ("sum", Function::Sum),
    ("count", Function::Count),
    ("stddev", Function::Deviation),
    ("flatten", Function::Flatten),
    ("set_intersection", Function::SetIntersection),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    Number,
    Text,
    Player,
}

/// What an expression comes to: a `base`, nested `depth` lists deep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Type {
    pub(super) base: Base,
    pub(super) depth: u8,
    /// The innermost list is a list that one player brought.
    pub(super) collection: bool,
}

impl Type {
    /// For errors.
    pub(super) fn words(self) -> String {
        let base = match (self.base, self.depth) {
            (Base::Number, 0) => "one number",
            (Base::Text, 0) => "one text",
            (Base::Player, 0) => "one player",
            (Base::Number, _) => "numbers",
            (Base::Text, _) => "texts",
            (Base::Player, _) => "players",
        };
        match self.depth {
            0 => base.into(),
            depth => format!("{}{base}", "a list of ".repeat(depth.into())),
        }
    }
}

/// Whether `text` is meant as an expression and not as a plain word.
pub(super) fn is_expression(text: &str) -> bool {
    let text = text.trim_start();
    let rest = text.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let word = &text[..text.len() - rest.len()];
    let rest = rest.trim_start();
    (!word.is_empty() && rest.starts_with('('))
        || (["team", "teams"].contains(&word) && rest.starts_with('['))
}

/// Reads `text`; the error says what is wrong and from which character on.
pub(super) fn parse(text: &str, names: &Names) -> Result<(Expression, Type), String> {
    let mut cursor = Cursor {
        whole: text,
        rest: text,
        names,
    };
    let parsed = cursor.expression(0)?;
    cursor.skip();
    if !cursor.rest.is_empty() {
        return Err(cursor.wrong("nothing may follow here"));
    }
    Ok(parsed)
}

struct Cursor<'a> {
    whole: &'a str,
    rest: &'a str,
    names: &'a Names,
}

impl<'a> Cursor<'a> {
    fn wrong(&self, what: &str) -> String {
        let read = &self.whole[..self.whole.len() - self.rest.len()];
        let at = read.chars().count() + 1;
        format!("{}, character {at}: {what}", shown(self.whole))
    }

    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn word(&mut self) -> &'a str {
        self.skip();
        let rest = self.rest;
        let after = rest.trim_start_matches(|c: char| c.is_ascii_alphanumeric() || c == '_');
        self.rest = after;
        &rest[..rest.len() - after.len()]
    }

    fn found(&mut self, sign: char) -> bool {
        self.skip();
        match self.rest.strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, sign: char) -> Result<(), String> {
        if self.found(sign) {
            return Ok(());
        }
        Err(self.wrong(&format!("`{sign}` is missing")))
    }

    /// What is between brackets.
    fn bracketed(&mut self) -> Result<&'a str, String> {
        self.expect('[')?;
        let Some(end) = self.rest.find(']') else {
            return Err(self.wrong("`]` is missing"));
        };
        let inside = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Ok(inside.trim())
    }

    fn expression(&mut self, nesting: usize) -> Result<(Expression, Type), String> {
        if nesting >= NESTING_MAX {
            return Err(self.wrong(&format!("more than {NESTING_MAX} functions in each other")));
        }
        self.skip();
        let start = self.rest;
        let word = self.word();
        if ["teams", "team"].contains(&word) {
            return self.path();
        }
        let function = FUNCTIONS.iter().find(|(name, _)| *name == word);
        let (Some((_, function)), true) = (function, self.found('(')) else {
            self.rest = start;
            let known = FUNCTIONS.iter().map(|(name, _)| *name).chain(["teams"]);
            let what = format!(
                "must begin with teams[…] or a function; {}",
                choices(word, known)
            );
            return Err(self.wrong(&what));
        };
        let (of, kind) = self.expression(nesting + 1)?;
        self.expect(')')?;
        let result = result(*function, kind).map_err(|wanted| {
            self.rest = start;
            self.wrong(&format!("{word} wants {wanted}, not {}", kind.words()))
        })?;
        let call = Expression::Call {
            function: *function,
            depth: kind.depth,
            of: Box::new(of),
        };
        Ok((call, result))
    }

    fn path(&mut self) -> Result<(Expression, Type), String> {
        let selected = self.bracketed()?;
        let teams = self.selection(selected)?;
        let rest = self.rest;
        if !self.found('.') || self.word() != "players" {
            self.rest = rest;
            return Err(self.wrong("teams are looked at by their players: `.players` is missing"));
        }
        let depth = if matches!(teams, Selection::One(_)) {
            1
        } else {
            2
        };
        let (what, base, collection) = self.what()?;
        let kind = Type {
            base,
            depth: depth + u8::from(collection),
            collection,
        };
        Ok((Expression::Players { teams, what }, kind))
    }

    fn selection(&self, selected: &str) -> Result<Selection, String> {
        if selected == "*" {
            return Ok(Selection::All);
        }
        let mut places = Vec::new();
        for name in selected.split(',').map(str::trim) {
            let known = || self.names.teams.iter().map(|team| team.name.as_str());
            let place = known().position(|team| team == name).ok_or_else(|| {
                self.wrong(&format!(
                    "no team {}; {}",
                    shown(name),
                    choices(name, known())
                ))
            })?;
            if places.contains(&place) {
                return Err(self.wrong(&format!("the team {} is there twice", shown(name))));
            }
            places.push(place);
        }
        Ok(match places[..] {
            [one] => Selection::One(one),
            _ => Selection::Several(places),
        })
    }

    fn what(&mut self) -> Result<(What, Base, bool), String> {
        self.skip();
        if self.rest.starts_with('[') {
            let field = self.bracketed()?;
            // The documentation writes it both ways.
            if field.eq_ignore_ascii_case("playerid") {
                return Ok((What::Ids, Base::Text, false));
            }
            let what = format!(
                "players have [playerId] and .attributes[…], not [{}]",
                shown(field)
            );
            return Err(self.wrong(&what));
        }
        if !self.found('.') {
            return Ok((What::Players, Base::Player, false));
        }
        let word = self.word();
        if word != "attributes" {
            let what = format!("players have .attributes[…] and [playerId], not .{word}");
            return Err(self.wrong(&what));
        }
        let name = self.bracketed()?;
        let known = || {
            self.names
                .attributes
                .iter()
                .map(|known| known.name.as_str())
        };
        let place = known().position(|known| known == name).ok_or_else(|| {
            self.wrong(&format!(
                "no attribute {} in playerAttributes; {}",
                shown(name),
                choices(name, known())
            ))
        })?;
        match self.names.attributes[place].kind {
            AttributeType::Number => Ok((What::Attribute(place), Base::Number, false)),
            AttributeType::Text => Ok((What::Attribute(place), Base::Text, false)),
            AttributeType::List => Ok((What::Attribute(place), Base::Text, true)),
            AttributeType::Map => Err(self.wrong(&format!(
                "{} is a string_number_map; only sort rules can look at it",
                shown(name)
            ))),
        }
    }
}

/// What `function` makes of `kind`, or what it wants instead.
fn result(function: Function, kind: Type) -> Result<Type, &'static str> {
    let list = |base, depth| Type {
        base,
        depth,
        collection: false,
    };
    match function {
        Function::Flatten if kind.depth == 0 => Err("a list of lists"),
        // A list without lists inside is flat already.
        Function::Flatten if kind.depth == 1 => Ok(kind),
        Function::Flatten => Ok(Type {
            depth: kind.depth - 1,
            collection: kind.collection && kind.depth > 2,
            ..kind
        }),
        Function::SetIntersection if kind.base != Base::Text || kind.depth < 2 => {
            Err("a list of lists of texts")
        }
        Function::SetIntersection => Ok(list(Base::Text, kind.depth - 1)),
        Function::Count if kind.depth == 0 => Err("a list"),
        Function::Count => Ok(list(Base::Number, kind.depth - 1)),
        _ if kind.base != Base::Number || kind.depth == 0 => Err("a list of numbers"),
        _ => Ok(list(Base::Number, kind.depth - 1)),
    }
}
