//! Just enough of Rust's grammar: where comments and literals are, where functions begin and end, which modules a file
//! declares. Offsets in a masked text are offsets in the original.

/// The code alone: comments and the insides of literals become spaces, line ends stay.
pub(super) fn mask(source: &str) -> String {
    let bytes = source.as_bytes();
    let mut masked = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let (hidden, end) = match bytes[at] {
            b'/' if bytes.get(at + 1) == Some(&b'/') => (at, line_end(bytes, at)),
            b'/' if bytes.get(at + 1) == Some(&b'*') => (at, block_comment_end(bytes, at)),
            b'"' => (at + 1, string_end(bytes, at)),
            b'r' if !after_word(bytes, at) && raw_string_end(bytes, at).is_some() => {
                (at + 1, raw_string_end(bytes, at).unwrap_or(bytes.len()))
            }
            b'\'' => (at + 1, character_end(source, at)),
            _ => (at + 1, at + 1),
        };
        for byte in &mut masked[hidden..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8_lossy(&masked).into_owned()
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    bytes[at..]
        .iter()
        .position(|&byte| byte == b'\n')
        .map_or(bytes.len(), |length| at + length)
}

fn block_comment_end(bytes: &[u8], start: usize) -> usize {
    let (mut depth, mut at) = (1, start + 2);
    while at < bytes.len() && depth > 0 {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (depth, at) = (depth + 1, at + 2),
            Some(b"*/") => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    at.min(bytes.len())
}

fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    bytes.len()
}

fn raw_string_end(bytes: &[u8], start: usize) -> Option<usize> {
    let hashes = bytes[start + 1..]
        .iter()
        .take_while(|&&byte| byte == b'#')
        .count();
    let open = start + 1 + hashes;
    if bytes.get(open) != Some(&b'"') {
        return None;
    }
    let close: Vec<u8> = std::iter::once(b'"')
        .chain(std::iter::repeat_n(b'#', hashes))
        .collect();
    let length = bytes[open + 1..]
        .windows(close.len())
        .position(|window| window == close);
    Some(length.map_or(bytes.len(), |length| open + 1 + length + close.len()))
}

/// True if the byte continues a word. `br"…"` and `cr"…"` are literals too: their prefix is no word of its own.
fn after_word(bytes: &[u8], at: usize) -> bool {
    let word = |at: usize| {
        bytes
            .get(at)
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
    };
    match at.checked_sub(1) {
        None => false,
        Some(before) if matches!(bytes[before], b'b' | b'c') => before > 0 && word(before - 1),
        Some(before) => word(before),
    }
}

/// The end of a character literal, or of the lone quote that begins a lifetime.
fn character_end(source: &str, start: usize) -> usize {
    let rest = &source[start + 1..];
    if rest.starts_with('\\') {
        let length = rest
            .char_indices()
            .skip(2)
            .find(|(_, c)| *c == '\'')
            .map_or(rest.len(), |(at, _)| at + 1);
        return start + 1 + length;
    }
    let mut characters = rest.chars();
    let first = characters.next().map_or(0, char::len_utf8);
    if characters.next() == Some('\'') {
        start + 1 + first + 1
    } else {
        start + 1
    }
}

/// The line, from 1, that holds this offset.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset]
        .iter()
        .filter(|&&byte| byte == b'\n')
        .count()
        + 1
}

/// Every place of a word or path in masked code that is not part of a longer word.
pub(super) fn places<'a>(masked: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let continues = |c: char| c.is_alphanumeric() || c == '_';
    masked
        .match_indices(word)
        .map(|(at, _)| at)
        .filter(move |&at| {
            let before = masked[..at].chars().next_back().is_some_and(continues);
            let after = masked[at + word.len()..]
                .chars()
                .next()
                .is_some_and(continues);
            !(before && word.starts_with(continues) || after && word.ends_with(continues))
        })
}

/// A function with a body: where it begins, and its lines from `fn` to the closing brace.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) lines: usize,
}

pub(super) fn functions(masked: &str) -> Vec<Function> {
    places(masked, "fn")
        .filter_map(|at| function(masked, at))
        .collect()
}

fn function(masked: &str, at: usize) -> Option<Function> {
    let after = masked[at + 2..].trim_start();
    let name: String = after
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    if name.is_empty() {
        return None; // a function pointer's type
    }
    let (mut parentheses, mut braces) = (0_i32, 0_i32);
    for (offset, byte) in masked.as_bytes()[at..].iter().enumerate() {
        match byte {
            b'(' | b'[' => parentheses += 1,
            b')' | b']' => parentheses -= 1,
            b'{' => braces += 1,
            b';' if parentheses == 0 && braces == 0 => return None, // a trait's signature
            b'}' => {
                braces -= 1;
                if braces == 0 && parentheses == 0 {
                    let (line, last) = (line_of(masked, at), line_of(masked, at + offset));
                    return Some(Function {
                        name,
                        line,
                        lines: last - line + 1,
                    });
                }
            }
            _ => {}
        }
    }
    None
}

/// `mod name;` in a file, under the inline modules around it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Declaration {
    pub(super) inside: Vec<String>,
    pub(super) name: String,
    /// The value of a `#[path = "…"]` before it.
    pub(super) path: Option<String>,
}

pub(super) fn modules(source: &str, masked: &str) -> Vec<Declaration> {
    let mut declarations = Vec::new();
    let mut open: Vec<Option<String>> = Vec::new();
    let mut at = 0;
    let starts: Vec<usize> = places(masked, "mod").collect();
    let mut pending = None;
    for (offset, byte) in masked.bytes().enumerate() {
        if starts.binary_search(&offset).is_ok() {
            let rest = masked[offset + 3..].trim_start();
            let name: String = rest
                .chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect();
            pending = (!name.is_empty()).then_some(name);
        }
        match byte {
            b'{' => open.push(pending.take()),
            b'}' => drop(open.pop()),
            b';' => {
                if let Some(name) = pending.take() {
                    let inside = open.iter().flatten().cloned().collect();
                    declarations.push(Declaration {
                        inside,
                        name,
                        path: path_attribute(source, masked, at, offset),
                    });
                }
            }
            _ => continue,
        }
        at = offset + 1;
    }
    declarations
}

fn path_attribute(source: &str, masked: &str, from: usize, to: usize) -> Option<String> {
    let attribute = from + masked[from..to].find("#[path")?;
    let (_, quoted) = source[attribute..to].split_once('"')?;
    quoted.split_once('"').map(|(path, _)| path.to_owned())
}

#[cfg(test)]
mod tests;
