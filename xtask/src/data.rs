//! The little of JSON and TOML that the tasks read: what cargo prints, and `deny.toml`.

mod json;
mod toml;

pub(crate) use json::parse as parse_json;
pub(crate) use toml::parse as parse_toml;

/// A value of either format. Numbers keep their text: no task computes with one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Value>),
    Table(Vec<(String, Value)>),
}

impl Value {
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Table(entries) => entries
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value),
            _ => None,
        }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The members of a list; nothing for any other value.
    pub(crate) fn items(&self) -> &[Value] {
        match self {
            Value::List(items) => items,
            _ => &[],
        }
    }
}

/// A place in a text, and the steps both parsers share. Errors name the line.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        Some(next)
    }

    fn eat(&mut self, expected: char) -> bool {
        let found = self.peek() == Some(expected);
        if found {
            self.at += expected.len_utf8();
        }
        found
    }

    fn expect(&mut self, expected: char) -> Result<(), String> {
        if self.eat(expected) {
            Ok(())
        } else {
            Err(self.error(&format!("`{expected}` expected")))
        }
    }

    fn take_while(&mut self, accepted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !accepted(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn error(&self, what: &str) -> String {
        format!(
            "line {}: {what}",
            self.text[..self.at].matches('\n').count() + 1
        )
    }

    /// The rest of a quoted string, after its opening quote; both formats share these escapes.
    fn quoted(&mut self) -> Result<String, String> {
        let mut text = String::new();
        loop {
            match self.next().ok_or_else(|| self.error("unfinished string"))? {
                '"' => return Ok(text),
                '\\' => text.push(self.escaped()?),
                other => text.push(other),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, String> {
        let first = match self.next() {
            Some('n') => return Ok('\n'),
            Some('t') => return Ok('\t'),
            Some('r') => return Ok('\r'),
            Some('b') => return Ok('\u{8}'),
            Some('f') => return Ok('\u{c}'),
            Some('u') => self.hex()?,
            Some(other) => return Ok(other),
            None => return Err(self.error("unfinished escape")),
        };
        // JSON writes what lies beyond 16 bits as a pair of surrogates (RFC 8259, section 7).
        let pair = (0xD800..0xDC00).contains(&first) && self.eat('\\') && self.eat('u');
        let code = if pair {
            let second = self.hex()?;
            0x10000 + ((first - 0xD800) << 10) + (second.wrapping_sub(0xDC00) & 0x3FF)
        } else {
            first
        };
        Ok(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex(&mut self) -> Result<u32, String> {
        let digits = self
            .rest()
            .get(..4)
            .ok_or_else(|| self.error("unfinished escape"))?;
        let code =
            u32::from_str_radix(digits, 16).map_err(|error| self.error(&error.to_string()))?;
        self.at += 4;
        Ok(code)
    }
}

#[cfg(test)]
mod tests;
