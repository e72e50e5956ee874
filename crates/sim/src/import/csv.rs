//! Fields of one line of CSV as RFC 4180 has them; a field never goes on over a line's end.

/// The fields of a line.
pub(super) fn fields(line: &str) -> Result<Vec<String>, String> {
    let mut fields = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        let mut field = String::new();
        if chars.peek() == Some(&'"') {
            chars.next();
            loop {
                match chars.next() {
                    Some('"') if chars.peek() == Some(&'"') => {
                        chars.next();
                        field.push('"');
                    }
                    Some('"') => break,
                    Some(other) => field.push(other),
                    None => return Err("a quote is opened and not closed in this line".into()),
                }
            }
            if !matches!(chars.peek(), None | Some(',')) {
                return Err("after a closing quote comes a comma or the end of the line".into());
            }
        } else {
            while let Some(other) = chars.next_if(|c| *c != ',') {
                field.push(other);
            }
        }
        fields.push(field);
        if chars.next().is_none() {
            return Ok(fields);
        }
    }
}
